#!/usr/bin/env python3
"""record.py [BATCHES]: write what CPython 3.13 makes of the random programs, fifty to a file (default: 12 files)."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'oracle'))
sys.dont_write_bytecode = True
import vclock  # noqa: E402

BATCH = 50

for first in range(0, BATCH * int((sys.argv[1:] or ['12'])[0]), BATCH):
    command = [vclock.find_oracle(), os.path.join(HERE, 'programs.aio'), str(first), str(first + BATCH)]
    texts = {subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env={
        **vclock.oracle_env(), 'PYTHONHASHSEED': seed, 'PYTHONDONTWRITEBYTECODE': '1'}).stdout for seed in '01'}
    if len(texts) != 1:
        sys.exit(f'{first}: two runs with different hash seeds differ')
    with open(os.path.join(HERE, f'{first:04}.txt'), 'w') as file:
        file.write(texts.pop())
