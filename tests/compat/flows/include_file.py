"""A file whose content is part of the run."""

from metaflow import FlowSpec, IncludeFile, step


class IncludesFile(FlowSpec):
    text = IncludeFile("text", default="./include_file.py")
    binary = IncludeFile("binary", is_text=False, default="./include_file.py")
    nothing = IncludeFile("nothing", required=False)

    @step
    def start(self):
        assert self.text.startswith('"""A file whose content')
        assert self.binary == self.text.encode()
        assert self.nothing is None
        self.next(self.end)

    @step
    def end(self):
        assert "IncludesFile" in self.text


if __name__ == "__main__":
    IncludesFile()
