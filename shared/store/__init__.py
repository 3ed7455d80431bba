"""Where recordings are kept: any S3, or a folder of this machine. Both do the same, under the same names."""

from typing import TypeAlias

from shared.settings import Settings
from shared.store.disk import DiskStore
from shared.store.s3 import S3Store

Store: TypeAlias = S3Store | DiskStore


def open_store(settings: Settings) -> Store:
    """The one that the settings name. Nothing is connected to yet."""
    return DiskStore(settings) if settings.recording_store == "disk" else S3Store(settings)
