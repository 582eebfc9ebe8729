"""metaflow-coordinator fastapi opentelemetry-api importlib-metadata zipp starlette pydantic pydantic-core annotated-types annotated-doc typing-extensions typing-inspection anyio idna sniffio uvicorn click h11 httpx httpcore certifi"""

import httpx
from metaflow_coordinator import ResultCollector, await_service, session_service

from metaflow import FlowSpec, current, step


class Coordinated(FlowSpec):
    @step
    def start(self):
        self.coordinator_id = current.run_id
        self.next(self.collect, self.work)

    @session_service(factory=lambda flow: flow.collector)
    @step
    def collect(self):
        self.next(self.join)

    @property
    def collector(self):
        return ResultCollector(n_workers=1)

    @step
    def work(self):
        url = await_service(self.coordinator_id, namespace="metaflow-svc", timeout=60, poll_interval=0.2)
        self.code = httpx.post(f"{url}/submit", json={"worker_id": "one", "result": 5}).status_code
        self.next(self.join)

    @step
    def join(self, inputs):
        self.code = inputs.work.code
        self.next(self.end)

    @step
    def end(self):
        self.seen = self.code


if __name__ == "__main__":
    Coordinated()
