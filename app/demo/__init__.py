"""`python -m app.demo`: the service, a small real data set, and the answer."""
