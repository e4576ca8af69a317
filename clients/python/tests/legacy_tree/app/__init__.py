raise RuntimeError("the web application is not part of a worker")
