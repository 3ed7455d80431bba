"""What both receivers ask of gunicorn, each with its reason."""

import gunicorn

from ingress.internals import worker_class_for
from ingress.limits import MOST_HEADERS, MOST_LINE_BYTES

# Ours, if this gunicorn is one it knows; else gthread, which does the same more slowly.
worker_class = worker_class_for(gunicorn.__version__)
# A worker that does not answer its master for so long hangs; no request of ours may take half of it.
timeout = 30
# Requests under way at a stop are answered; Twilio itself gives up after 15 s.
graceful_timeout = 20
keepalive = 15  # Twilio's proxy keeps connections; opening one costs more than holding it
backlog = 512
# Twilio's requests are far below these; what is above is not Twilio.
limit_request_line = MOST_LINE_BYTES
limit_request_fields = MOST_HEADERS
limit_request_field_size = MOST_LINE_BYTES
# Whose word of addresses counts is TS_TRUSTED_PROXIES. gunicorn trusts its own host by itself: a proxy there that said two
# things about the scheme cost a request its answer (400), one that let SCRIPT_NAME through made it a 500.
forwarded_allow_ips = ""
preload_app = False  # connections belong to one process: they are opened after the fork
control_socket_disable = True
accesslog = None  # every request has its canonical line
loglevel = "warning"
