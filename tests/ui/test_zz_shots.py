from pathlib import Path
def test_shots(mixed, runs, browser):
    S=Path("/tmp/shots")
    task=f"run/MixFlow/{runs[0]}/start/0"
    for name, path in {"list":"", "run":f"run/MixFlow/{runs[1]}", "task":task, "step":f"run/MixFlow/{runs[0]}/each","flow":"flow/MixFlow","fail":f"run/MixFlow/{runs[1]}/end/0"}.items():
        for dark in (False, True):
            for width in (1280, 375):
                p=browser.open(f"{mixed.url}{path}", dark=dark, width=width)
                print(p.problems())
                w=p.ask("document.documentElement.scrollWidth")
                if w>width: print(name,width,w, p.ask("""[...document.querySelectorAll('main *')].filter(e=>e.getBoundingClientRect().right>innerWidth+1).slice(0,8).map(e=>e.tagName+'.'+e.className+' '+e.getBoundingClientRect().right)"""))
                p.screenshot(S/f"{name}-{width}-{'dark' if dark else 'light'}.png")
                p.close()
