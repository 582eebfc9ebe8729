from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.a, self.b)

    @step
    def a(self):
        self.next(self.c, self.d)

    @step
    def b(self):
        self.next(self.e, self.f)

    @step
    def c(self):
        self.next(self.crossed)

    @step
    def d(self):
        self.next(self.join)

    @step
    def e(self):
        self.next(self.crossed)

    @step
    def f(self):
        self.next(self.join)

    @step
    def crossed(self, inputs):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass
