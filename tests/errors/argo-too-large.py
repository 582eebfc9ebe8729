from metaflow import FlowSpec, environment, step


class Demo(FlowSpec):
    @environment(vars={"TEXT": "x" * 100_000, "STEP": "start"})
    @step
    def start(self):
        self.next(self.clean_a)

    @environment(vars={"TEXT": "x" * 100_000, "STEP": "clean_a"})
    @step
    def clean_a(self):
        self.next(self.clean_b)

    @environment(vars={"TEXT": "x" * 100_000, "STEP": "clean_b"})
    @step
    def clean_b(self):
        self.next(self.clean_c)

    @environment(vars={"TEXT": "x" * 100_000, "STEP": "clean_c"})
    @step
    def clean_c(self):
        self.next(self.clean_d)

    @environment(vars={"TEXT": "x" * 100_000, "STEP": "clean_d"})
    @step
    def clean_d(self):
        self.next(self.clean_e)

    @environment(vars={"TEXT": "x" * 100_000, "STEP": "clean_e"})
    @step
    def clean_e(self):
        self.next(self.clean_f)

    @environment(vars={"TEXT": "x" * 100_000, "STEP": "clean_f"})
    @step
    def clean_f(self):
        self.next(self.end)

    @step
    def end(self):
        pass
