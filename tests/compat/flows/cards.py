"""Cards: components that a step adds, their pages, and ways to find them."""

from metaflow import FlowSpec, Step, card, catch, current, retry, step
from metaflow.cards import (
    JSONViewer,
    Markdown,
    MetaflowCardComponent,
    ProgressBar,
    PythonCode,
    Table,
    ValueBox,
    VegaChart,
    YAMLViewer,
    get_cards,
)


class Text(MetaflowCardComponent):
    def __init__(self, text):
        self.text = text

    def render(self):
        return self.text


def become(component):
    return {key: value for key, value in component.render().items() if key != "id"}


class CardsFlow(FlowSpec):
    @card
    @card(type="blank", id="plain")
    @step
    def start(self):
        current.card.append(Markdown("# For the default card"))
        current.card["plain"].append(Markdown("for the plain one"))
        current.card["plain"].extend([Table([[1, "a"]], headers=["n", "letter"]), ProgressBar(max=3, value=1)])
        self.components = len(list(current.card["plain"]))
        current.card.refresh()
        current.card["plain"].refresh()
        self.has_card = hasattr(current, "card")
        self.becomes = [
            become(component)
            for component in (
                ProgressBar(max=10, label="l", value=3, unit="u", metadata="m"),
                ValueBox("T", 3, "below", theme="danger", change_indicator="+1"),
                VegaChart({"mark": "bar"}),
                VegaChart({"mark": "bar", "width": 50}, show_controls=True),
                PythonCode(code_string="x = 1"),
                JSONViewer({"a": [1, None, True]}),
                JSONViewer([1], collapsible=False, max_height="3em", show_copy_button=False, title="t"),
                YAMLViewer({"a": 1}),
                Table([["a", 1], [None, True]], headers=["A", "B"]),
                Table(),
            )
        ]
        self.text = become(Markdown("\n    # a\n        b"))["source"].strip()
        self.next(self.several)

    @card(type="test_editable_card", id="a")
    @card(type="test_editable_card", id="b")
    @card(type="test_editable_card_2")
    @card(type="test_non_editable_card")
    @step
    def several(self):
        current.card.append(Text("without an id"))
        current.card["a"].append(Text("lost"))
        current.card["a"].clear()
        current.card["a"].append(Text("for a"))
        current.card["b"] = [Text("one"), Text("two")]
        self.of_type = len(current.card.get(type="test_editable_card"))
        self.items = [1, 2]
        self.next(self.each, foreach="items")

    @retry(times=1, minutes_between_retries=0)
    @card(type="test_editable_card")
    @step
    def each(self):
        current.card.append(Text(f"item {self.input}, attempt {current.retry_count}"), id="mine")
        self.mine = current.card.components["mine"].text
        if current.retry_count == 0 and self.input == 2:
            raise ValueError("once")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs, exclude=["mine"])
        self.next(self.failing)

    @catch(var="failure")
    @card(type="test_error_card", save_errors=False)
    @card(type="test_mock_card", options={"key": "given"})
    @step
    def failing(self):
        self.given = "an artifact"
        self.next(self.end)

    @step
    def end(self):
        run = f"{current.flow_name}/{current.run_id}"
        cards = get_cards(Step(f"{run}/start").task)
        self.found = sorted((found.type, str(found.id)) for found in cards)
        self.is_html = "</html>" in get_cards(Step(f"{run}/start").task, type="blank")[0].get()
        (plain,) = get_cards(Step(f"{run}/start").task.pathspec, id="plain")
        self.plain = plain.type
        several = {found.id or found.type: found.get() for found in get_cards(Step(f"{run}/several").task)}
        self.pages = sorted((name, page.split("$&#!!@*")) for name, page in several.items())
        self.tasks = sorted(get_cards(task)[0].get() for task in Step(f"{run}/each"))
        self.made = [(found.type, found.get()) for found in get_cards(Step(f"{run}/failing").task)]
        try:
            get_cards(Step(f"{run}/join").task, type="nothing")
        except Exception as error:
            self.none = type(error).__name__
        else:
            self.none = "an empty container"


if __name__ == "__main__":
    CardsFlow()
