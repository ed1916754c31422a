#!/usr/bin/env python3
"""regen.py [--check] [TRANSCRIPT...]: write what CPython 3.13 shows for the inputs of the transcripts.

A transcript (`*.txt`) is what a terminal shows: lines that begin with a prompt are inputs, the others are what is shown.
This plays the inputs to CPython, each compiled as its own prompts compile them and with `await` allowed at the top, as in
`python -m asyncio`, on one event loop and a virtual clock (../oracle/vclock.py), and writes down what it shows. Between
two inputs the loop runs until nothing is ready. Tracebacks name inputs `<input-N>` and leave out the library's frames;
addresses read `0x...`.

Transcripts whose first lines say `#: ours` show what CPython has not; they are written by hand, or by the test itself
with AIO_BLESS=1 and then read. `#: run FILE` runs a script of files/ first, as `-i FILE` does.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'oracle'))
sys.dont_write_bytecode = True
PROMPTS = ('>>> ', '... ')


def read(path):
    """The header lines and the inputs with their prompts."""
    header, inputs = [], []
    with open(path, encoding='utf-8') as file:
        for line in file.read().split('\n'):
            if line.startswith('#: ') and not inputs:
                header.append(line)
            elif line.startswith(PROMPTS) or line in ('>>>', '...'):
                inputs.append(line[4:])
    return header, inputs


def play(path):
    """Plays a transcript's inputs in this interpreter; what is shown goes to standard output."""
    import ast
    import asyncio
    import builtins
    import codeop
    import inspect
    import linecache
    import traceback
    import types

    header, inputs = read(path)
    out = sys.stderr = sys.stdout
    for line in header:
        print(line)
    main = types.ModuleType('__main__')
    sys.modules['__main__'] = main
    main.__builtins__ = builtins
    main.asyncio = asyncio
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def without_library(report):
        """A traceback as it is when the library has no frames."""
        for part in (report, report.__cause__, report.__context__, *(report.exceptions or ())):
            if part is not None and part.stack is not None:
                part.stack[:] = [frame for frame in part.stack if frame.filename.startswith(('<input-', 'files/'))]
            if part is not None and part is not report:
                without_library(part)
        return report

    def show(error):
        report = without_library(traceback.TracebackException.from_exception(error))
        out.write(''.join(report.format()))

    def handler(loop, context):
        """The library reports exceptions with its own frames; here they have none."""
        error = context.get('exception')
        lines = [context.get('message') or 'Unhandled exception in event loop']
        lines += [f'{key}: {context[key]!r}' for key in sorted(context) if key not in ('message', 'exception')]
        print('\n'.join(lines))
        if error is not None:
            show(error)

    loop.set_exception_handler(handler)

    def settle():
        for _ in range(1000):
            if not loop._ready:
                return
            loop.call_soon(loop.stop)
            loop.run_forever()

    def run(code, source):
        by_hand = re.search(r'asyncio\.(run|Runner)\b|run_until_complete|run_forever', source)
        asyncio._set_running_loop(None if by_hand else loop)
        try:
            value = context.run(types.FunctionType(code, vars(main)))
        finally:
            asyncio._set_running_loop(None)
        if inspect.iscoroutine(value):
            loop.run_until_complete(loop.create_task(value, context=context))

    import contextvars
    context = contextvars.copy_context()
    for line in header:
        if line.startswith('#: run '):
            name = 'files/' + line.removeprefix('#: run ')
            with open(os.path.join(HERE, name), encoding='utf-8') as file:
                text = file.read()
            linecache.cache[name] = (len(text), None, text.splitlines(True), name)
            main.__file__ = name
            try:
                exec(compile(text, name, 'exec'), vars(main))
            except BaseException as error:
                show(error)
    buffer, number = '', 0
    for line in inputs:
        out.write(f'... {line}\n' if buffer else f'>>> {line}\n')
        if line == '^D':
            break
        buffer += line + '\n'
        name = f'<input-{number + 1}>'
        source = buffer
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        try:
            # A last line that is not ended may go on.
            code = compiler(source[:-1], name, 'single')
            if code is None:
                continue
            buffer = ''
            if not source.strip() or source.strip().startswith('#'):
                continue
            number += 1
            run(code, source)
        except SystemExit:
            break
        except BaseException as error:
            buffer = ''
            if isinstance(error, SyntaxError) and not error.__traceback__.tb_next is None and error.filename == name:
                number += 1
                try:
                    # With the end of its last line the text has the places that a prompt shows.
                    compile(source, name, 'single', compiler.compiler.flags)
                except SyntaxError as found:
                    error = found
                if error.text is None:
                    error.text = source.split('\n')[error.lineno - 1] + '\n'
                out.write(''.join(traceback.format_exception_only(error)))
            else:
                show(error)
            del error
        settle()
    pending = sorted(asyncio.all_tasks(loop), key=lambda task: int(re.sub(r'\D', '', task.get_name()) or 0))
    if pending:
        what = 'task' if len(pending) == 1 else f'{len(pending)} tasks'
        print(f'cancelled {what}:', ', '.join(repr(task.get_name()) for task in pending))
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    out.flush()


def main():
    if sys.argv[1:2] == ['--play']:
        return play(sys.argv[2])
    import vclock
    check = '--check' in sys.argv
    names = [name for name in sys.argv[1:] if name != '--check']
    if not names:
        names = sorted(os.path.join(HERE, name) for name in os.listdir(HERE) if name.endswith('.txt'))
    wrong = 0
    for path in names:
        header, _ = read(path)
        if '#: ours' in header:
            continue
        done = subprocess.run([vclock.find_oracle(), os.path.abspath(__file__), '--play', path],
                              env=vclock.oracle_env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        text = re.sub(r'\b0x[0-9a-f]+', '0x...', done.stdout)
        with open(path, encoding='utf-8') as file:
            old = file.read()
        if text != old:
            wrong += 1
            print('differs:' if check else 'wrote', os.path.basename(path))
            if not check:
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(text)
    sys.exit(bool(wrong) and check)


main()
