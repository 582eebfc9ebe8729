"""Flows whose runs the tests of the page look at."""

from __future__ import annotations

MIXED = '''
    import sys
    from metaflow import FlowSpec, Parameter, card, catch, current, retry, step
    from metaflow.cards import Markdown


    class MixFlow(FlowSpec):
        """A flow with a foreach, retries, a caught failure, a card, colours in its log; with --fail it fails."""

        rate = Parameter("rate", default=0.5)
        fail = Parameter("fail", default=False)

        @card
        @step
        def start(self):
            current.card.append(Markdown("# The card of start"))
            print("\\x1b[31mred\\x1b[0m plain \\x1b[1;32mbold green\\x1b[0m")
            print("a warning", file=sys.stderr)
            self.items = list(range(5))
            self.next(self.each, foreach="items")

        @retry(times=2, minutes_between_retries=0)
        @step
        def each(self):
            print(f"item {self.input}")
            if self.input == 1 and current.retry_count == 0:
                raise OSError("the first attempt of item 1")
            self.square = self.input ** 2
            self.next(self.join)

        @step
        def join(self, inputs):
            self.total = sum(each.square for each in inputs)
            self.next(self.risky)

        @catch(var="failure")
        @step
        def risky(self):
            {}["caught"]
            self.next(self.end)

        @step
        def end(self):
            current.metric("loss", 0.25)
            if self.fail:
                raise ValueError("end failed as asked")


    if __name__ == "__main__":
        MixFlow()
    '''

TALKING = '''
    import time
    from metaflow import FlowSpec, step


    class TalkFlow(FlowSpec):
        """A flow whose step prints a line, with the time, for each line of the pipe `words`, until the pipe ends."""

        @step
        def start(self):
            with open("words") as words:
                for word in words:
                    print(f"said {word.strip()} at {time.time():.3f}", flush=True)
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        TalkFlow()
    '''

LONG = '''
    from metaflow import FlowSpec, step


    class LongFlow(FlowSpec):
        """A flow with a log of 50,000 lines."""

        @step
        def start(self):
            print("\\n".join(f"line {n} of the log: the loss is {n / 7:.5f} and the accuracy is {n % 97} %" for n in range(1, 50_001)))
            self.next(self.end)

        @step
        def end(self):
            pass


    if __name__ == "__main__":
        LongFlow()
    '''

HOSTILE = '''
    import sys
    from metaflow import FlowSpec, Parameter, card, current, step
    from metaflow.cards import Html

    BAD = "<script>document.title = 'taken over'</script><img src=x onerror=\\"document.title='taken over'\\">"
    REACH = """<p id="mine">the card</p><script>
      const tell = (text) => { const p = document.createElement("p"); p.className = "told"; p.textContent = text; document.body.append(p); };
      for (const [name, attempt] of [
        ["document", () => { parent.document.title = "taken over"; }],
        ["location", () => { if (top === window) throw 0; top.location.href = "about:blank"; }],
        ["storage", () => { localStorage.setItem("flowc-theme", "dark"); }],
        ["cookie", () => { document.cookie = "a=b"; }],
      ]) try { attempt(); tell(name + ": reached"); } catch (error) { tell(name + ": refused"); }
      fetch("/").then(() => tell("fetch: reached"), () => tell("fetch: refused"));
    </script>"""


    class HostileFlow(FlowSpec):
        """<script>document.title = 'taken over'</script>"""

        note = Parameter("note", default=BAD)

        @card(type="blank")
        @step
        def start(self):
            """</title><script>document.title = 'taken over'</script>"""
            current.card.append(Html(REACH))
            print(BAD)
            print("../../../etc/passwd")
            print("\\x1b[31;<script>\\x1b[9999;38;5;300m\\x1b]8;;javascript:alert(1)\\x07link\\x1b]8;;\\x07 \\x1b[38;5mx \\x1b[38;2;1;2m \\x1b[ \\x9b31m \\x00\\x08 end of garbage")
            sys.stdout.buffer.write(b"\\xff\\xfe broken bytes\\n")
            print("x" * 10_000_000)
            print("the last line")
            self.text = BAD
            self.next(self.end)

        @step
        def end(self):
            raise ValueError(BAD)


    if __name__ == "__main__":
        HostileFlow()
    '''
