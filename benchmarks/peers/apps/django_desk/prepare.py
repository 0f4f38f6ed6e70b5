"""Makes Django's own tables in a schema of their own, and the account that measures."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_desk.settings")


def prepare() -> None:
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection

    connection.cursor().execute("CREATE SCHEMA IF NOT EXISTS django")
    call_command("migrate", verbosity=0)
    User.objects.filter(username=os.environ["BENCHMARK_EMAIL"]).delete()
    User.objects.create_superuser(os.environ["BENCHMARK_EMAIL"], password=os.environ["BENCHMARK_PASSWORD"])


if __name__ == "__main__":
    prepare()
