#!/usr/bin/env python
"""Django's entry: `python manage.py up` starts everything, `help` lists the rest."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalsite.settings")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:  # in one line: most are a variable's value
        sys.exit(f"settings: {error}")
    except (OperationalError, ProgrammingError) as error:
        if "--traceback" in sys.argv:
            raise
        reason = str(error).partition("\n")[0]
        absent = "no such table" in reason or "does not exist" in reason
        todo = "; `manage.py migrate` makes the tables, as the first start of the site does"
        sys.exit(f"database: {reason}{todo if absent else ''}")
