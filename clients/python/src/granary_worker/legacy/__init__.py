"""Runs the actors of an existing task tree unchanged, as workers.

    python -m granary_worker.legacy --tree DIR --app NAME

imports app.NAME.tasks of the tree and serves each function that it marks with
dramatiq.actor. The tree needs neither dramatiq nor Redis nor its web
application; of the names that its tasks use

* dramatiq and what belongs to it is always the small stand-in of `broker`;
* `shared.…` and `config`, at the top or below `app`, are the tree's own where
  it has them and the modules of this package where it has not (`finder`).

An actor gets a loopback address as notify_url: what it or its wrapper POSTs
there becomes protocol messages (`callback`). The tree's API_DATA_FOLDER is one
path that leads to the private data folder of whatever job runs (`tree`).
"""
