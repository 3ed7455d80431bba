"""Knows who answers a customer: a human when one is told to, else dispatch-bot-ai after a while, as in the platform."""

from contextlib import suppress
from threading import Timer

from ops.standins import texting
from ops.standins.books import Books
from ops.standins.conversations import Conversation, Message
from ops.standins.envelope import Refused


def customer_wrote(books: Books, conversation: Conversation) -> tuple[bool, float | None]:
    """(whether the AI has answered just now, or the seconds that a human has before it does).

    Where the AI is active already the running code answers through it before it answers us.
    """
    with books.lock:
        is_ai, is_free = conversation.ai_active, not (conversation.ai_active or conversation.human_active)
        after_s = books.ways.ai_after_s
    if is_ai:
        _ai_answers(books, conversation)
        return True, None
    if is_free and after_s is not None:
        timer = Timer(after_s, _ai_takes_over, (books, conversation))
        timer.daemon = True
        timer.start()
        return False, after_s
    return False, None


def human_answers(books: Books, conversation: Conversation, body: str) -> Message:
    """The business's owner writes; the AI keeps out of this conversation from now on. Raises Refused (502)."""
    with books.lock:
        conversation.ai_active, conversation.human_active = False, True
    return texting.say(books, conversation, "human", body)


def _ai_takes_over(books: Books, conversation: Conversation) -> None:
    """Nothing, when somebody was faster or the conversation was forgotten meanwhile."""
    with books.lock:
        is_known = books.conversations.get(conversation.id) is conversation
        if not is_known or conversation.ai_active or conversation.human_active:
            return
        conversation.ai_active = True
    _ai_answers(books, conversation)


def _ai_answers(books: Books, conversation: Conversation) -> None:
    """To the latest message. A text that was not taken is forgotten, as the platform's running code does."""
    with books.lock:
        said = [message.body for message in conversation.messages if message.sender == "customer"]
    with suppress(Refused):
        texting.say(books, conversation, "ai", f'Thank you. You wrote "{said[-1]}". When would it suit you?')
