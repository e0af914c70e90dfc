//! Messages to people and systems: e-mail, chat, pagers, signed webhooks.
