"""Pictures as SVG elements: graphs, timelines, plots. The colours come from the page's style sheet."""
