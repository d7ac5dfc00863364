"""The recorder in other frameworks' loops; each module needs its framework, and nothing else imports it."""
