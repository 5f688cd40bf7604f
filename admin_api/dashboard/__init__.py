"""The dashboard: pages for people, rendered here, over the same services as the REST API.

Every action is a form that works without JavaScript: a POST, answered by 303 (RFC 9110 section 15.4.4) or by the form
again with what was typed and what is wrong with it.
"""
