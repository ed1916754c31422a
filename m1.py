import asyncio
async def f(e,n):
    await e.wait()
async def main():
    e=asyncio.Event()
    l=[asyncio.create_task(f(e,i)) for i in range(100000)]
    await asyncio.sleep(0)
    e.set()
    await asyncio.gather(*l)
asyncio.run(main())
