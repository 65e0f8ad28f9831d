"""Look at a source before any work begins."""

from typing import get_args

from tasks.addresses import is_secret, is_url, public_name, reveal
from tasks.errors import UsageError
from tasks.sources.layout import refuse_splits, split_folders
from tasks.storage.place import Place, address_in
from tasks.storage.stores import at
from tasks.vocabulary import GENERATED, IN_PUBLIC, PublicName, Role


def check_source(role: Role, name: str) -> None:
    """Refuse a source that is not there, or a folder that holds splits where one split or classes are asked for.

    Parameters
    ----------
    role : Role
    name : str
        As the user gave it; what is generated or downloaded is not looked at.

    Raises
    ------
    UsageError
    """
    if is_url(name) or is_secret(name) or name.partition(":")[0] in GENERATED:
        return
    if name.startswith(IN_PUBLIC):
        known = get_args(PublicName)
        if role != "root" or name.removeprefix(IN_PUBLIC) not in known:
            raise UsageError(f"{role} {name}: --dataset takes one of {', '.join(known)}.")
        return
    if "://" in name and not address_in(name):
        raise UsageError(f"{role} {public_name(name)}: only addresses of http://, https:// and s3:// are read.")
    place = Place.of(reveal(name))
    if not at(place).expanded():
        raise UsageError(f"{role} {name} does not exist; name an archive, a folder, a URL, notmnist or fonts.")
    if role != "root" and at(place).is_folder():
        refuse_splits(name, split_folders(set(at(place).folders())))
