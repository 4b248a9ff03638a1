"""What is compared: data sets, generators, the runs that train them, and the pools of images they give."""

import secrets
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.text import get_text_list

from evalsite.jobs import Job, JobQuerySet, JobState
from pools import store

MAX_POOL = 100_000
SHORT_TRAINING_S = 600.0


def random_key() -> str:
    return secrets.token_hex(16)


def store_url(key: str) -> str:
    """Where the images of the pool with this key lie."""
    return f"{settings.POOL_STORE}/{key}.zarr"


class Dataset(models.Model):
    """Real images at one resolution."""

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    resolution_px = models.PositiveSmallIntegerField(help_text="width and height of every image")
    channels = models.PositiveSmallIntegerField(help_text="1 for grey, 3 for colour")
    class_names = models.JSONField(default=list, blank=True, help_text="empty without labels")
    licence = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(channels__in=[1, 3]), name="channels_are_grey_or_colour"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("dataset", args=[self.slug])

    @property
    def train_pool(self) -> "Pool":
        return self.pools.get(split=Pool.Split.TRAIN)

    @property
    def held_out_pool(self) -> "Pool":
        """The real images that people and metrics see: unseen in training where there are any."""
        return self.pools.filter(split=Pool.Split.TEST).first() or self.train_pool


class GeneratorQuerySet(models.QuerySet["Generator"]):
    def called(self, words: str) -> Self:
        """Those with each of these words in their name."""
        each = (models.Q(name__icontains=word) for word in words.split())
        return self.filter(*each)

    def imitating(self, dataset: Dataset | None) -> Self:
        """Those of a data set; all if None."""
        return self.filter(dataset=dataset) if dataset else self

    def with_state(self) -> Self:
        pools = models.Prefetch("pools", Pool.jobs.final())
        sheets = SampleSheet.objects.filter(run__generator=models.OuterRef("pk"))
        last = models.Subquery(sheets.order_by("-images_seen").values("pk")[:1])
        found = self.select_related("dataset", "owner", "run").prefetch_related(pools)
        return found.annotate(last_sheet=last)


class Generator(models.Model):
    """Whatever makes images: a network trained here, an uploaded one, a folder of images."""

    class Kind(models.TextChoices):
        TRAINED = "trained", "trained here"
        ONNX = "onnx", "uploaded network"
        ARCHIVE = "archive", "uploaded images"
        EXTERNAL = "external", "images kept elsewhere"
        FORGED = "forged", "forged to fool a network"

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    dataset = models.ForeignKey(
        Dataset, models.PROTECT, related_name="generators", help_text="what it imitates"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="generators",
        help_text="empty for the demo's own",
    )
    file = models.FileField(
        upload_to="generators/",
        blank=True,
        help_text="weights, network or archive; empty until trained",
    )
    drawn_on_the_way = models.OneToOneField(
        "Pool",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="put_to_people",
        help_text="what a training left on its way, if these are its images: a rung of a ladder",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GeneratorQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("generator", args=[self.slug])

    @property
    def shown_pool(self) -> "Pool | None":
        """The newest pool that can be looked at."""
        final = (pool for pool in self.pools.all() if pool.images_seen is None)
        return next((pool for pool in final if pool.is_ready), None)

    @property
    def at_work(self) -> "Job | None":
        """Its training or, after that, its newest images, if they are not done."""
        run: Job | None = getattr(self, "run", None)
        if run and not run.is_ready:
            return run
        newest = next((pool for pool in self.pools.all() if pool.images_seen is None), None)
        return newest if newest and not newest.is_ready else None

    @property
    def draws_by_seed(self) -> bool:
        """Whether a network draws its images, so that a seed says which."""
        return self.kind in {self.Kind.TRAINED, self.Kind.ONNX}

    @property
    def classes(self) -> list[str]:
        """The names of the classes that it can be asked for one by one; none if it draws without."""
        run: TrainingRun | None = getattr(self, "run", None)
        if run is None or not run.config.get("conditional"):
            return []
        names: list[str] = self.dataset.class_names
        return names

    @property
    def can_sample(self) -> bool:
        """Whether new pools can be drawn from it at will."""
        return bool(self.file) and self.kind != self.Kind.ARCHIVE


class Sweep(models.Model):
    """Trainings of one recipe that differ in a few of its values."""

    class Search(models.TextChoices):
        GRID = "grid", "grid: every combination"
        RANDOM = "random", "random: so many drawn at random"

    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    dataset = models.ForeignKey(Dataset, models.PROTECT, related_name="sweeps")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sweeps")
    config = models.JSONField(help_text="the whole configuration that its values are put into")
    search = models.CharField(max_length=6, choices=Search.choices)
    space = models.JSONField(help_text="the lines that say which values, in order")
    count = models.PositiveSmallIntegerField(help_text="trainings in it")
    seed = models.PositiveIntegerField(default=0, help_text="of a random search")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("sweep", args=[self.slug])


class TrainingRun(Job):
    """One training of one generator, worked on in short segments that each end in a checkpoint."""

    task: ClassVar[str] = "train"

    generator = models.OneToOneField(Generator, models.CASCADE, related_name="run")
    sweep = models.ForeignKey(
        Sweep,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="runs",
        help_text="empty for a training of its own",
    )
    point = models.JSONField(
        default=dict, blank=True, help_text="the values that a sweep has put into the recipe"
    )
    config = models.JSONField(help_text="the whole configuration, as it was when the run began")
    seed = models.PositiveIntegerField(default=0)
    images_seen = models.PositiveBigIntegerField(default=0)
    images_total = models.PositiveBigIntegerField(default=0)
    seconds = models.FloatField(default=0.0, help_text="time spent training, in seconds")
    checkpoint = models.FileField(
        upload_to="checkpoints/", blank=True, help_text="empty until the first"
    )

    def __str__(self) -> str:
        return f"training of {self.generator}"

    @property
    def seconds_left(self) -> float:
        """How long it goes on at the pace so far; 0 if none is known."""
        if not self.images_seen:
            return 0.0
        return self.seconds * (self.images_total - self.images_seen) / self.images_seen

    @property
    def is_later(self) -> bool:
        """A long training takes turns with what else is for later."""
        return self.seconds > SHORT_TRAINING_S


class LossPoint(models.Model):
    """The losses, and what else was watched, at one moment of a run."""

    run = models.ForeignKey(TrainingRun, models.CASCADE, related_name="losses")
    images_seen = models.PositiveBigIntegerField()
    values = models.JSONField(help_text="by name: d_loss, g_loss, gradients, ...")

    class Meta:
        ordering = ["images_seen"]
        constraints = [
            models.UniqueConstraint(fields=["run", "images_seen"], name="one_loss_per_moment")
        ]

    def __str__(self) -> str:
        return f"{self.images_seen}: {self.values}"


class SampleSheet(models.Model):
    """The same noise drawn at one moment of a run."""

    run = models.ForeignKey(TrainingRun, models.CASCADE, related_name="sheets")
    images_seen = models.PositiveBigIntegerField()
    image = models.ImageField(upload_to="sheets/")

    class Meta:
        ordering = ["images_seen"]
        constraints = [
            models.UniqueConstraint(fields=["run", "images_seen"], name="one_sheet_per_moment")
        ]

    def __str__(self) -> str:
        return f"samples of {self.run.generator} at {self.images_seen}"


class PoolQuerySet(JobQuerySet["Pool"]):
    def final(self) -> Self:
        """All but those that a training has left on its way."""
        return self.filter(images_seen=None)

    def of_checkpoints(self) -> Self:
        """What generators drew while they were trained: for the curve of their quality alone."""
        return self.exclude(images_seen=None)

    def told(self) -> Self:
        return self.final()

    def of_generators(self) -> Self:
        """Generators' own pools, for people and the leaderboard."""
        return self.final().filter(generator__isnull=False)

    def that_can_be_shown(self) -> Self:
        """Generators' pools that are ready or will be, and whose size is known."""
        return (
            self.of_generators()
            .exclude(count=0)
            .exclude(state__in=[JobState.FAILED, JobState.CANCELLED])
        )


ON_SHOW = 48
SPARES_THEM = 500


class Pool(Job):
    """N images of one data set or generator, fixed by a seed and a content hash."""

    task: ClassVar[str] = "sample"

    class Split(models.TextChoices):
        NONE = "", "none"
        TRAIN = "train", "training"
        TEST = "test", "held out"

    dataset = models.ForeignKey(
        Dataset, models.CASCADE, null=True, blank=True, related_name="pools", help_text="if real"
    )
    generator = models.ForeignKey(
        Generator,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="pools",
        help_text="if forged",
    )
    split = models.CharField(max_length=5, choices=Split.choices, blank=True)
    count = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(MAX_POOL)],
        help_text="images in it; for an uploaded archive 0 until it is read",
    )
    seed = models.PositiveIntegerField(
        default=0, validators=[MinValueValidator(0), MaxValueValidator(2**31 - 1)]
    )
    images_seen = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="by the network in training when it drew them; empty if it was finished",
    )
    classes = models.JSONField(
        default=list,
        blank=True,
        help_text="numbers of the classes that it was to be drawn of, in turn; empty: all",
    )
    content_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256; empty until ready"
    )
    key = models.CharField(
        max_length=32, unique=True, default=random_key, editable=False, help_text="its name on disk"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    jobs = PoolQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(dataset__isnull=False) ^ models.Q(generator__isnull=False),
                name="a_pool_is_real_or_forged",
            ),
            models.UniqueConstraint(
                fields=["dataset", "split"],
                condition=models.Q(dataset__isnull=False),
                name="one_pool_per_split",
            ),
            models.UniqueConstraint(
                fields=["generator", "seed", "count", "classes"],
                condition=models.Q(generator__isnull=False, images_seen=None),
                name="one_pool_per_seed_size_and_classes",
            ),
            models.UniqueConstraint(
                fields=["generator", "images_seen"], name="one_pool_per_checkpoint"
            ),
        ]

    def __str__(self) -> str:
        if self.images_seen is not None:
            return f"{self.generator} after {self.images_seen:,} images"
        if self.generator:
            return f"{self.generator} ({self.count:,} images{self.of_classes}, seed {self.seed})"
        return f"{self.dataset}, {self.get_split_display()} ({self.count:,} images)"

    @property
    def on_show(self) -> int:
        """How many of its first images anyone may look at, and no trial shows; a small pool has none to spare."""
        return ON_SHOW if self.count >= SPARES_THEM else 0

    @property
    def is_real(self) -> bool:
        return self.dataset_id is not None

    @property
    def imitates(self) -> Dataset:
        """The data set whose images these are, or want to be."""
        if self.dataset:
            return self.dataset
        assert self.generator is not None  # noqa: S101  # the table's check constraint
        return self.generator.dataset

    @property
    def size(self) -> str:
        """How many images it has and, where a network draws them, by which seed."""
        if not self.count:
            return "images that are not read yet" if self.is_unfinished else "no images"
        images = f"{self.count:,} image{'' if self.count == 1 else 's'}{self.of_classes}"
        by_seed = self.generator is not None and self.generator.draws_by_seed
        return f"{images}, seed {self.seed}" if by_seed else images

    @property
    def of_classes(self) -> str:
        """Of which classes alone it was drawn, as " of Bag and Sneaker"; empty if of all."""
        names = self.imitates.class_names if self.classes else []
        own = [names[number] for number in self.classes if number < len(names)]
        return f" of {get_text_list(own, 'and')}" if own else ""

    @property
    def url(self) -> str:
        return store_url(self.key)

    def open(self) -> store.Pool:
        return store.open_pool(self.url)

    def open_whole(self) -> store.Pool:
        """Opened, and all there: where an object of the store is absent, its images read as black."""
        opened = self.open()
        opened.require_whole()
        return opened

    def describe(self) -> dict[str, Any]:
        """What a frozen study design says of it."""
        return {
            "name": str(self),
            "count": self.count,
            "seed": self.seed,
            "content_hash": self.content_hash,
            **({"classes": self.classes} if self.classes else {}),
        }


class Weights(models.Model):
    """A network's published weights, uploaded where no worker can fetch them by itself."""

    file = models.CharField(max_length=100, unique=True, help_text="as it was published")
    sha256 = models.CharField(max_length=64)
    size_bytes = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["file"]
        verbose_name_plural = "weights"

    def __str__(self) -> str:
        return self.file
