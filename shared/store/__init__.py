"""Where recordings are kept: any S3, or a folder of this machine. Both do the same, under the same names."""

from typing import TypeAlias

from shared.settings import Settings
from shared.store.s3 import S3Store

Store: TypeAlias = S3Store


def open_store(settings: Settings) -> Store:
    """The one that the settings name. Nothing is connected to yet."""
    return S3Store(settings)
