"""Messages that programs send: kept in the store until the mail server has taken or refused them."""
