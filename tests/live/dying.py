"""An app of a server that dies between the commit of some words and what it would tell of them.

Add ``tests.live.dying.Dying`` to INSTALLED_APPS; ``tests.live.dying_settings`` does.
"""

import os
import signal

from django.apps import AppConfig

LAST_WORDS = "Tell my kin I was brave."


class Dying(AppConfig):
    """Puts death behind the transaction in which messages are stored, before anybody is told."""

    name = "tests.live.dying"
    label = "dying"

    def ready(self) -> None:
        """Let every backstage that is made from here on be mortal."""
        # They bring models, which come after the apps.
        from rooms import backstage  # noqa: PLC0415
        from rooms.sending import SendRequest, Sent, send_messages  # noqa: PLC0415

        def send_and_die(requests: list[SendRequest]) -> list[Sent | Exception]:
            outcomes = send_messages(requests)
            if any(request.draft.text == LAST_WORDS for request in requests):
                os.kill(os.getpid(), signal.SIGKILL)
            return outcomes

        backstage.send_messages = send_and_die  # type: ignore[attr-defined]  # whatever is there
