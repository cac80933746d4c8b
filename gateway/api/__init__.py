"""For programs: what is stored, over REST. `routes` lists the paths, `scrape` is what Prometheus reads."""
