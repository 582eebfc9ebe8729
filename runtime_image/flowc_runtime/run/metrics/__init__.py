"""Record metrics in tasks, read recorded metrics, and send them to an experiment tracker."""
