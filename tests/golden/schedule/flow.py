"""Two times on weekdays, in a time zone with summer time."""

from metaflow import FlowSpec, schedule, step


@schedule(cron=["0 6 * * 1-5", "30 18 * * MON-FRI"], timezone="Europe/Berlin")
class ScheduleFlow(FlowSpec):
    @step
    def start(self):
        self.message = "on time"
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ScheduleFlow()
