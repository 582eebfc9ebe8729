from metaflow import FlowSpec, secrets, step


class Demo(FlowSpec):
    @secrets(sources="password")
    @step
    def start(self):
        self.next(self.train)

    @secrets(
        sources=[
            "my-password",
            {"type": "dotenf", "id": ".env"},
            {"type": "env"},
            {"type": "env", "id": "A", "option": {}},
            {"type": "env", "id": "A", "options": ["B"]},
            {"type": "aws-secrets-manager", "id": "db"},
            7,
        ]
    )
    @step
    def train(self):
        self.next(self.end)

    @step
    def end(self):
        pass
