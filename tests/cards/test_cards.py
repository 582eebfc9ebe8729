"""`@card` and `current.card` in running flows. A failing card does not harm its step."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING

import pytest

from metaflow.plugins.cards import _store
from project import Project

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore

FLOW = """\
from metaflow import *
from metaflow.cards import *

{before}

class CardFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

{step}

if __name__ == "__main__":
    CardFlow()
"""


@pytest.fixture
def flow(project: Project) -> Flow:
    return Flow(project)


class Flow:
    """Runs a flow whose step `end` has the given code, and reads the cards of the run."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.err = ""

    def __call__(self, step: str, *options: str, code: int = 0, before: str = "") -> RunStore:
        body = textwrap.indent(textwrap.dedent(step).strip("\n"), "    ")
        self.project.write("flow.py", FLOW.format(before=textwrap.dedent(before), step=body))
        done = self.project.flowc("run", "--local", "flow.py", *options)
        assert done.code == code, done.err
        self.err = done.err + done.out
        return self.project.latest()

    def cards(self, step: str = "end", path: str = "0", attempt: int = 1) -> dict[str, str]:
        """Return the pages of an attempt's cards by type and id."""
        run = self.project.latest()
        files = _store.cards_of(run, step, path, attempt)
        return {f"{file.type}:{file.id or ''}": _store.read(run.objects, file.key) for file in files}


# -- their contents


def test_components_in_their_order(flow: Flow) -> None:
    flow("""
        @card(type="test_editable_card")
        @step
        def end(self):
            from metaflow.plugins.cards.card_modules.test_cards import TestStringComponent as Text
            current.card.append(Text("one"))
            current.card.extend([Text("two"), Text("three")])
    """)
    assert flow.cards() == {"test_editable_card:": "one$&#!!@*two$&#!!@*three"}


def test_two_identical_cards_are_two(flow: Flow) -> None:
    run = flow("""
        @card(type="taskspec_card")
        @card(type="taskspec_card")
        @step
        def end(self):
            pass
    """)
    first, second = _store.cards_of(run, "end", "0", 1)
    assert first.hash != second.hash
    assert _store.read(run.objects, first.key) == f"CardFlow/{run.id}/end/end-0"


def test_every_attempt_has_its_cards(flow: Flow) -> None:
    flow("""
        @retry(times=1, minutes_between_retries=0)
        @card
        @step
        def end(self):
            if not current.retry_count:
                raise ValueError("once")
            self.x = "the second time"
    """)
    assert "ValueError: once" in flow.cards(attempt=1)["default:"]
    assert "the second time" in (second := flow.cards(attempt=2)["default:"])
    assert "ValueError" not in second


def test_with_adds_cards(flow: Flow) -> None:
    flow("""
        @step
        def end(self):
            current.card.append(Markdown("# Hello"))
    """, "--with", "card:type=blank,id=x")  # fmt: skip
    assert "<h1>Hello</h1>" in flow.cards()["blank:x"]
    assert set(flow.cards("start")) == {"blank:x"}


def test_several_cards_are_told_apart_by_id(flow: Flow) -> None:
    flow("""
        @card(type="test_editable_card", id="a")
        @card(type="test_editable_card", id="b")
        @card(type="test_editable_card_2")
        @step
        def end(self):
            from metaflow.plugins.cards.card_modules.test_cards import TestStringComponent as Text
            current.card.append(Text("the one without an id"))
            current.card["a"].append(Text("for a"))
            current.card["b"] = [Text("lost")]
            current.card["b"] = [Text("for b")]
            assert len(current.card.get(type="test_editable_card")) == 2
            assert "a" in current.card and "z" not in current.card
    """)
    assert flow.cards() == {
        "test_editable_card:a": "for a",
        "test_editable_card:b": "for b",
        "test_editable_card_2:": "the one without an id",
    }


def test_the_card_to_customize_is_meant_without_an_id(flow: Flow) -> None:
    flow("""
        @card(type="test_editable_card", id="a")
        @card(type="test_editable_card", id="b", customize=True)
        @step
        def end(self):
            from metaflow.plugins.cards.card_modules.test_cards import TestStringComponent as Text
            current.card.append(Text("x"), id="mine")
            current.card.append(Text("y"))
            assert current.card.components["mine"]._text == "x"
            current.card.clear()
            current.card.append(Text("z"))
    """)
    assert flow.cards() == {"test_editable_card:a": "", "test_editable_card:b": "z"}


def test_any_text(flow: Flow) -> None:
    """Text in any script is shown, and so is invalid text: lone surrogates and control characters."""
    flow(r"""
        @card(type="blank", options={"title": "漢字 🎉"})
        @step
        def end(self):
            for refreshed in (False, True):
                current.card.append(Markdown("עברית \u202e e\u0301 lone \udcff, nul \0, bell \7, \u2028"))
                current.card.append(VegaChart({"title": "</script><!-- 漢字 \udcff", "mark": "bar"}))
                current.card.refresh(force=refreshed)
    """)
    page = flow.cards()["blank:"]
    assert page.count("עברית") == 2
    assert "<h1>漢字 🎉</h1>" in page
    assert "</script><!--" not in page
    done = flow.project.python("flow.py", "card", "get", "end", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.code, "עברית" in done.out) == (0, True), done.err


# -- wrong use


def test_wrong_use_is_told_and_does_no_harm(flow: Flow) -> None:
    flow("""
        @card
        @card(type="blank", id="with space")
        @card(type="blank")
        @step
        def end(self):
            current.card.append(Markdown("which?"))
            current.card["none"].append(Markdown("nowhere"))
            current.card.get(type="default")[0].append("no component")
            current.card.get(type="default")[0].append(Markdown("x"), id=3)
            current.card.refresh({"a": object()})
            print("went on")
    """)
    assert "went on" in flow.err
    assert "the step has several cards: give each @card an id" in flow.err
    assert "no @card of this step has the id 'none'" in flow.err
    assert "'no component' is not a component" in flow.err
    assert "the id of a component must be a string, not 3" in flow.err
    assert "the id 'with space' of a @card" in flow.err


def test_a_step_without_cards_has_none(flow: Flow) -> None:
    run = flow("""
        @step
        def end(self):
            self.told = [hasattr(current, "card"), "card" in current]
    """)
    assert flow.project.artifacts(run, "end")["told"] == [False, False]
    assert not run.has_cards("end")


# -- cards that fail


@pytest.mark.parametrize(
    ("card", "told", "shown"),
    [
        ('type="test_error_card"', "Exception: Unknown Things Happened", "Traceback"),
        ('type="test_timeout_card", timeout=1', "took longer than its timeout of 1 s", "took longer"),
        ('type="dies"', "its process was killed by SIGKILL", "SIGKILL"),
        ('type="leaves"', "SystemExit: 3", "SystemExit"),
        ('type="none"', "gave NoneType, not a string of HTML", "NoneType"),
        ('type="test_mock_card", options={"key": "nothing"}', "KeyError: 'nothing'", "KeyError"),
    ],
)
def test_a_card_that_fails(flow: Flow, card: str, told: str, shown: str) -> None:
    """A failing card affects neither the step nor other cards; the failing card's page shows the reason."""
    flow(
        f"""
        @card
        @card({card})
        @step
        def end(self):
            self.x = 1
    """,
        before="""
        import os, signal, sys

        class Dies(MetaflowCard):
            type = "dies"

            def render(self, task):
                os.kill(os.getpid(), signal.SIGKILL)

        class Leaves(MetaflowCard):
            type = "leaves"

            def render(self, task):
                sys.exit(3)

        class Nothing(MetaflowCard):
            type = "none"

            def render(self, task):
                return None
        """,
    )
    assert "[@card WARNING]" in flow.err
    assert told in flow.err
    default, *other = (page for name, page in sorted(flow.cards().items()))
    assert "succeeded" in default
    assert shown in other[0]
    assert "</html>" in other[0]


def test_a_type_that_there_is_not_in_the_step_s_image(flow: Flow) -> None:
    """An unknown card type is no error for a step with its own image, which may contain the type's package."""
    flow("""
        @card(type="theirs")
        @kubernetes(image="example.org/theirs:1")
        @step
        def end(self):
            current.card.append(Markdown("nobody sees this"))
            self.x = 1
    """)
    assert "there is no card of type 'theirs'; there are blank, default" in flow.err
    assert "there is no card of type" in flow.cards()["theirs:"]


def test_a_card_does_not_replace_one_that_is_built_in(flow: Flow) -> None:
    flow(
        """
        @card
        @step
        def end(self):
            pass
        """,
        before="""
        class Mine(MetaflowCard):
            type = "default"

            def render(self, task):
                return "mine"
        """,
    )
    assert "Mine has the type 'default' of a built-in card, and does not replace it" in flow.err
    assert "succeeded" in flow.cards()["default:"]


def test_a_failure_that_is_not_to_be_kept(flow: Flow) -> None:
    flow("""
        @card(type="test_error_card", save_errors=False)
        @step
        def end(self):
            pass
    """)
    assert "Unknown Things Happened" in flow.err
    assert flow.cards() == {}


def test_a_message_of_several_lines_is_told_whole(flow: Flow) -> None:
    """Errors with several lines are printed completely: an error of a component, of a card's refresh, and of a final
    page."""
    flow(
        """
        @card(type="wordy", id="a")
        @card(id="b")
        @step
        def end(self):
            class Broken(MetaflowCardComponent):
                def render(self):
                    raise RuntimeError("a component\\n  of two lines")

            current.card["b"].append(Broken())
            current.card["a"].refresh(force=True)
            current.card["a"].refresh(force=True)
        """,
        before="""
        class Wordy(MetaflowCard):
            type = "wordy"
            RUNTIME_UPDATABLE = True
            RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ALWAYS

            def render_runtime(self, task, data):
                raise ValueError("while it runs\\nit fails")

            def render(self, task):
                raise ValueError("what failed:\\n  the rows\\n\\n  the columns")
        """,
    )
    assert "could not be shown: RuntimeError: a component\n[end]   of two lines\n" in flow.err
    assert "a refresh of the card 'wordy' failed: ValueError: while it runs\n[end] it fails\n" in flow.err
    last = "the step is not affected: ValueError: what failed:\n[end]   the rows\n[end] \n[end]   the columns\n"
    assert last in flow.err
    assert "Traceback" in flow.cards()["wordy:a"]


def test_templates_of_cards(flow: Flow) -> None:
    """Templates of cards are written in Mustache."""
    flow(
        """
        @card(type="stencil")
        @step
        def end(self):
            self.rows = ["<a>", "b"]
        """,
        before="""
        from metaflow.plugins.cards.card_modules.chevron import render

        class Stencil(MetaflowCard):
            type = "stencil"

            def render(self, task):
                data = {"rows": task["rows"].data, "html": "<b>"}
                template = "{{#rows}}<p>{{.}}</p>{{/rows}}{{{html}}}{{missing}}"
                assert render(template, data) == self._get_mustache().render(template, data)
                return self._get_mustache().render(template, data)
        """,
    )
    assert flow.cards() == {"stencil:": "<p>&lt;a&gt;</p><p>b</p><b>"}


def test_a_component_that_fails_is_shown_in_its_place(flow: Flow) -> None:
    flow("""
        @card(type="blank")
        @step
        def end(self):
            class Broken(MetaflowCardComponent):
                def render(self):
                    raise RuntimeError("no such luck")

            class Leaves(MetaflowCardComponent):
                def render(self):
                    raise SystemExit(3)

            current.card.extend([Markdown("the first"), Broken(), Image(b"no picture"), Leaves(), Markdown("the last")])
    """)
    assert "[@card WARNING] Broken could not be shown: RuntimeError: no such luck" in flow.err
    page = flow.cards()["blank:"]
    parts = ["the first", "no such luck", "these bytes are not a picture", "SystemExit: 3", "the last"]
    assert sorted(parts, key=page.index) == parts


# -- your own cards


OWN = """
    class Mine(MetaflowCard):
        type = "mine"
        ALLOW_USER_COMPONENTS = True

        def __init__(self, options={}, components=[], graph=None, **more):
            self.all = options, components, sorted(graph)

        def render(self, task):
            return f"{task.data.x} {self.all}"
    """


def test_a_card_in_the_flow_s_file(flow: Flow) -> None:
    flow(
        """
        @card(type="mine", options={"a": 1})
        @step
        def end(self):
            self.x = "the artifact"
            current.card.append(Markdown("text"), id="m")
        """,
        before=OWN,
    )
    component = {"type": "markdown", "id": "m", "source": "text"}
    assert flow.cards()["mine:"] == f"the artifact {({'a': 1}, [component], ['end', 'start'])}"


@pytest.mark.parametrize(
    "file",
    [
        "acme/__init__.py",
        "acme/plugins/cards/__init__.py",
        "acme/plugins/cards/template/__init__.py",
    ],
)
def test_cards_of_extensions(flow: Flow, file: str) -> None:
    """Packages with cards work in each layout of their modules; a broken module is reported and skipped."""
    text = "from metaflow.cards import MetaflowCard\n" + textwrap.dedent(OWN) + "\nCARDS = [Mine, 5]\n"
    flow.project.write(f"metaflow_extensions/{file}", text)
    flow.project.write("metaflow_extensions/acme/plugins/cards/broken.py", "raise RuntimeError('broken')")
    flow("""
        @card(type="mine")
        @step
        def end(self):
            self.x = "the artifact"
    """)
    assert flow.cards()["mine:"].startswith("the artifact")
    assert "acme.plugins.cards.broken are skipped" in flow.err
    assert "5 in CARDS is not a subclass of MetaflowCard" in flow.err


BROKEN = {
    "a missing library": "import a_library_that_there_is_not",
    "an error": "raise RuntimeError('no license')",
    "no Python": "class",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_type_whose_package_is_broken_is_left_out(flow: Flow, text: str) -> None:
    """If a card type is broken, a warning before the run and the card's page show the error; `append` still works."""
    flow.project.write("metaflow_extensions/acme/plugins/cards/broken/__init__.py", f"{text}\n\nCARDS = []\n")
    run = flow("""
        @card(type="theirs", id="t")
        @card
        @step
        def end(self):
            current.card.append(Markdown("seen by who looks"))
            current.card["t"].append(Markdown("nobody sees this"))
            self.x = 1
    """)
    assert flow.project.artifacts(run, "end")["x"] == 1
    told = re.search(
        r"@card WARNING\] flow.py:\d+:11: there is no card of type 'theirs', the card is left out: (.*)", flow.err
    )
    assert told
    assert "acme.plugins.cards.broken are skipped" in told[1]
    assert "there is no card of type" in flow.cards()["theirs:t"]
    assert "seen by who looks" in flow.cards()["default:"]


def test_an_error_of_several_lines_is_shown_whole(flow: Flow) -> None:
    error = "raise RuntimeError('no license:\\n  renew it\\n  or remove it')"
    flow.project.write("metaflow_extensions/acme/plugins/cards/broken/__init__.py", f"{error}\n\nCARDS = []\n")
    flow("""
        @card(type="theirs")
        @step
        def end(self):
            pass
    """)
    before_the_run, of_the_task = flow.err.split("RuntimeError: no license:\n")[1:]
    assert before_the_run.startswith("  renew it\n  or remove it")
    assert of_the_task.startswith("[end]   renew it\n[end]   or remove it")


def test_a_type_of_a_package_that_is_not_installed_is_left_out(flow: Flow) -> None:
    flow("""
        @card(type="notebook")
        @step
        def end(self):
            self.x = 1
    """)
    assert "there is no card of type 'notebook', the card is left out: `pip install metaflow-card-notebook`" in flow.err
    assert "`pip install metaflow-card-notebook` installs it" in flow.cards()["notebook:"]


def test_a_type_of_a_package_that_is_installed_is_not_told(flow: Flow) -> None:
    flow.project.write(
        "metaflow_extensions/card_notebook/plugins/cards/notebook/__init__.py",
        "from metaflow.cards import MetaflowCard\n"
        + textwrap.dedent(OWN).replace("mine", "notebook")
        + "CARDS = [Mine]\n",
    )
    flow("""
        @card(type="notebook")
        @step
        def end(self):
            self.x = "theirs"
    """)
    assert flow.cards()["notebook:"].startswith("theirs")
    assert "left out" not in flow.err


# -- while the step runs


LIVE = """
    def page(type):
        from metaflow.exception import MetaflowException
        try:
            (found,) = get_cards(current.pathspec, type=type)
        except MetaflowException:
            return None, None
        return found.get(), found.get_data()
    """


def test_a_refresh_shows_the_card_of_the_moment(flow: Flow) -> None:
    run = flow(
        """
        @card(refresh_interval=0)
        @step
        def end(self):
            bar = ProgressBar(max=10, label="Steps")
            current.card.append(bar, id="bar")
            self.before = page("default")[0] is None
            bar.update(3)
            current.card.refresh()
            current.card.refresh(force=True)  # waits for the one before
            self.during, self.data = page("default")
            bar.update(10)
        """,
        before=LIVE,
    )
    left = flow.project.artifacts(run, "end")
    assert left["before"] is True
    assert "3 / 10" in left["during"]
    assert "running" in left["during"]
    assert left["data"]["data"]["bar"]["value"] == 3
    assert "10 / 10" in flow.cards()["default:"]
    data = _store.read_data(run.objects, _store.cards_of(run, "end", "0", 1)[0].key)
    assert (data["reload_token"], data["data"]["bar"]["value"]) == ("final", 10)


def test_refreshes_come_no_closer_than_the_interval(flow: Flow) -> None:
    run = flow(
        """
        @card(type="test_refresh_card", refresh_interval=3600)
        @step
        def end(self):
            current.card.refresh({"n": 1})
            current.card.refresh({"n": 2})
            current.card.refresh({"n": 3}, force=True)
            current.card.refresh({"n": 4}, force=True)
            self.during = page("test_refresh_card")[1]["data"]["user"]
        """,
        before=LIVE,
    )
    assert flow.project.artifacts(run, "end")["during"] in ({"n": 3}, {"n": 4})
    assert json.dumps({"n": 4}) in flow.cards()["test_refresh_card:"]


def test_a_page_is_made_anew_when_its_card_says_so(flow: Flow) -> None:
    """The HTML is written again when the card's reload policy requires it; the data is written at every refresh."""
    run = flow(
        """
        @card(type="counts", refresh_interval=0)
        @step
        def end(self):
            self.seen = []
            for token in ("a", "a", "b"):
                current.card.refresh({"token": token}, force=True)
            current.card.refresh({"token": "b"}, force=True)
            self.html, self.data = page("counts")
        """,
        before=textwrap.dedent(LIVE)
        + """
class Counts(MetaflowCard):
    type = "counts"
    RUNTIME_UPDATABLE = True
    RELOAD_POLICY = MetaflowCard.RELOAD_POLICY_ONCHANGE
    made = 0

    def render(self, task):
        return "final " + self.RELOAD_POLICY_TOKEN

    def render_runtime(self, task, data):
        Counts.made += 1
        return f"{self.RELOAD_POLICY_TOKEN} {self.made}"

    def refresh(self, task, data):
        return data["user"]

    def reload_content_token(self, task, data):
        return data["user"]["token"]
""",
    )
    left = flow.project.artifacts(run, "end")
    assert (left["html"], left["data"]["data"]) == ("b 2", {"token": "b"})
    assert flow.cards()["counts:"] == "final final"


def test_a_refresh_that_hangs_does_not_hold_the_step(flow: Flow) -> None:
    flow(
        """
        @card(type="hangs", timeout=1, refresh_interval=0)
        @step
        def end(self):
            for n in range(100):
                current.card.refresh({"n": n})
            print("went on")
        """,
        before="""
        import threading

        class Hangs(MetaflowCard):
            type = "hangs"
            RUNTIME_UPDATABLE = True
            ALLOW_USER_COMPONENTS = True

            def render_runtime(self, task, data):
                threading.Event().wait()
        """,
    )
    assert "went on" in flow.err
    assert "took longer than its timeout of 1 s" in flow.cards()["hangs:"]


def test_a_step_that_dies_leaves_no_process(flow: Flow) -> None:
    """The processes that render cards end with their task; the page of the last refresh remains in the store."""
    flow(
        """
        @card(refresh_interval=0)
        @step
        def end(self):
            import os, signal
            current.card.append(Markdown("before the end"))
            current.card.refresh()
            current.card.refresh(force=True)
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        code=1,
    )
    assert "before the end" in flow.cards()["default:"]
