"""Public data sets by name: their addresses, their checksums, and their layout as folders.

Each checksum is recorded by at least two established libraries (torchvision, Keras, TensorFlow Datasets, Hugging Face
datasets, dm_nevis). The checksum of GTSRB's training images is only recorded by users.
"""

import csv
import posixpath
import tarfile
import zipfile
from collections.abc import Callable, Sequence

from tasks.sources.download import PublishedFile
from tasks.storage import Place, at, disk
from tasks.vocabulary import PublicName, Role

CIFAR = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
MNIST = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
FASHION = (
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
GTSRB = ("https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/",)
NOTMNIST = ("https://commondatastorage.googleapis.com/books1000/", "http://yaroslavvb.com/upload/notMNIST/")
MANIFEST = "signs.csv"  # path, label, split and, for train, group: the photographed sign
# The files of a data set, and a function that lays them out in a folder; it returns the path to read, or "".
PublicSet = tuple[tuple[PublishedFile, ...], Callable[[Sequence[Place], Place], str]]


def _unpacked_pickles(files: Sequence[Place], target: Place) -> str:
    with at(files[0]).reading() as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
        for member in archive:
            if (content := archive.extractfile(member)) and not member.name.endswith(".html"):
                disk.write_bytes(target / posixpath.basename(member.name), content.read())
    return ""


def _as_they_are(files: Sequence[Place], target: Place) -> str:
    for file in files:
        disk.write_bytes(target / file.last, at(file).read_bytes())
    return ""


def _signs(files: Sequence[Place], target: Place) -> str:
    """Unpack images of traffic signs, whose classes are folders in train, and a table in test."""
    of_train, of_test, of_classes = files
    rows = []
    with at(of_classes).reading() as file, zipfile.ZipFile(file) as archive:
        (table,) = [name for name in archive.namelist() if name.endswith(".csv")]
        lines = archive.read(table).decode().splitlines()
    classes = {row["Filename"]: int(row["ClassId"]) for row in csv.DictReader(lines, delimiter=";")}
    for packed, split in ((of_train, "train"), (of_test, "test")):
        disk.make_folder(target / split)
        with at(packed).reading() as file, zipfile.ZipFile(file) as archive:
            for member in (name for name in archive.namelist() if name.endswith(".ppm")):
                folder, picture = posixpath.split(member)
                label = int(posixpath.basename(folder)) if split == "train" else classes[picture]
                path = f"{split}/{label:05d}-{picture}"
                disk.write_bytes(target / path, archive.read(member))
                track = f"{label:05d}/{picture.partition('_')[0]}" if split == "train" else ""
                rows.append((path, f"{label:05d}", split, track))
    lines = [",".join(row) + "\r\n" for row in [("path", "label", "split", "group"), *rows]]
    disk.write_text(target / MANIFEST, "".join(lines))
    return MANIFEST


def _files(mirrors: tuple[str, ...], digests: dict[str, str]) -> tuple[PublishedFile, ...]:
    return tuple(PublishedFile(name, sha256, mirrors) for name, sha256 in digests.items())


DIGESTS: dict[Role, str] = {  # of notMNIST
    "large": "1e8261b75484b520dc76027f5c22af50fe608e3bb16277caec086eb928f9b61c",
    "small": "76b2ef7ccc56452964780569db37b279c9cbe1bf442c3b38be784752683b3cec",
}
NOTMNIST_FILES = {role: PublishedFile(f"notMNIST_{role}.tar.gz", digest, NOTMNIST) for role, digest in DIGESTS.items()}
CIFAR_10 = {"cifar-10-python.tar.gz": "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"}
CIFAR_100 = {"cifar-100-python.tar.gz": "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"}
DIGITS = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
CLOTHES = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
SIGNS = {
    "GTSRB_Final_Training_Images.zip": "d32ac4b5fa9a1cbd1994768413902e8193599d9434cf0a8eb9cfd00a6d3a290c",
    "GTSRB_Final_Test_Images.zip": "48ba6fab7e877eb64eaf8de99035b0aaecfbc279bee23e35deca4ac1d0a837fa",
    "GTSRB_Final_Test_GT.zip": "f94e5a7614d75845c74c04ddb26b8796b9e483f43541dd95dd5b726504e16d6d",
}
PUBLIC_SETS: dict[PublicName, PublicSet] = {
    "cifar-10": (_files(CIFAR, CIFAR_10), _unpacked_pickles),
    "cifar-100": (_files(CIFAR, CIFAR_100), _unpacked_pickles),
    "mnist": (_files(MNIST, DIGITS), _as_they_are),
    "fashion-mnist": (_files(FASHION, CLOTHES), _as_they_are),
    "gtsrb": (_files(GTSRB, SIGNS), _signs),
}
