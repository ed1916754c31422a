#!/usr/bin/env python3
"""record.py [BATCHES]: write what CPython 3.13 makes of the random programs, fifty to a file (default: 12 files).

Files in written/ are recorded anew for the seeds that stand in them.
"""
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'oracle'))
sys.dont_write_bytecode = True
import vclock  # noqa: E402

BATCH = 50



def record(file, *arguments):
    program = os.path.join(os.path.dirname(file), 'programs.aio')
    texts = {subprocess.run([vclock.find_oracle(), program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, check=True, env={**vclock.oracle_env(), 'PYTHONHASHSEED': seed,
                                                        'PYTHONDONTWRITEBYTECODE': '1'}).stdout for seed in '01'}
    if len(texts) != 1:
        sys.exit(f'{file}: two runs with different hash seeds differ')
    with open(file, 'w') as out:
        out.write(texts.pop())


for first in range(0, BATCH * int((sys.argv[1:] or ['12'])[0]), BATCH):
    record(os.path.join(HERE, f'{first:04}.txt'), str(first), str(first + BATCH))
for file in glob.glob(os.path.join(HERE, 'written', '*.txt')):
    with open(file) as known:
        seeds = [line.split()[1] for line in known if re.fullmatch(r'program \d+\n', line)]
    record(file, *seeds)
