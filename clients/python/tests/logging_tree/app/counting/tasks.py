"""Tasks of a tree with a logger of its own; they say everything themselves."""

import urllib.error

import dramatiq

from shared.utils.logging import JobLogger, post


@dramatiq.actor(queue_name="queue0")
def count(notify_url, upto, experiment_id):
    logger = JobLogger()
    for n in logger.iterate(range(upto), "Counting"):
        logger.info("n is %d" % n)
    refused = []
    for url in (notify_url + "x", notify_url.rpartition("/")[0] + "/other"):
        try:
            post(url, event="PROGRESS")
        except urllib.error.HTTPError as error:
            refused.append(error.code)
    try:
        post(notify_url, no="event")
    except urllib.error.HTTPError as error:
        refused.append(error.code)
    post(notify_url, event="COMPLETED", tracking_id="t", experiment_id=experiment_id, message="counted")
    post(notify_url, event="SUCCESS", output={"refused": refused})
