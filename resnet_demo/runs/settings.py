"""Every hyperparameter once, with its default, bounds, label and help: the form, the command's flags, the files
of a run and the table of the docs derive from these fields. What is done with them stands in `config`."""

from dataclasses import MISSING, dataclass, field

from resnet_demo.data.dataset import BY_NAME, BY_POSITION
from resnet_demo.models.catalog import ARCHITECTURES, AUTO, OFFERED_SHORTCUTS, STEMS


def setting(default, label: str, help: str, *, details: str, choices=None, minimum=None, maximum=None, absent=MISSING):
    """A field of Settings; the bounds are included in what is allowed. `help` is one line; `details` are what
    else one should know: the unit, what it hangs together with, what it does not work with.

    `absent` is for a field that came after the first version: the value by which runs trained before there was one,
    which is what a config.json without it means, whatever the default is by now.
    """
    limits = {"choices": choices, "minimum": minimum, "maximum": maximum}
    return field(
        default=default, metadata={"label": label, "help": help, "details": details, "absent": absent, **limits}
    )


@dataclass(frozen=True)
class Settings:
    """One field a setting, in the order of config.json and of the docs."""

    data: str = setting(
        "cifar10",
        "Data",
        "What to learn from: cifar10, digits, or folder:PATH.",
        details="CIFAR-10 (170 MB) is downloaded once into the data folder; the digits come with scikit-learn. In a "
        "folder of images each class has a folder of its own, and every image is made 32 x 32 pixels. Resume "
        "needs the same images.",
    )
    preset: str = setting(
        "fast",
        "Preset",
        "The recipe that these settings started from.",
        details="Choosing one fills in all other settings except the processes, and except the data unless the "
        "preset has its own (tour). What you change afterwards counts. Stored with the run as a label: "
        "training does not depend on it.",
    )
    arch: str = setting(
        "resnet50",
        "Network",
        "More layers cost more time and memory; without shortcuts (plain) they can also mean more errors. ResNet-20, "
        "32, 44, 56 and 110 and their plain twins are narrow.",
        choices=tuple(ARCHITECTURES),
        details="Decides time and memory more than any other setting. resnet18, 34, 50, 101 and 152 and their plain "
        "twins take any stem; resnet20, 32, 44, 56 and 110 and theirs always use cifar. A run's weights can start "
        "another run on the same network only.",
    )
    stem: str = setting(
        "imagenet",
        "Stem",
        "The first layers. A stem that shrinks the image less is more accurate and slower. "
        "Networks of 20, 32, 44, 56 and 110 layers have cifar whatever stands here.",
        choices=tuple(STEMS),
        details="imagenet leaves 8 x 8 of 32 x 32 pixels, compact 16 x 16 and cifar all 32 x 32; each costs several "
        "times the one before.",
    )
    shortcut: str = setting(
        AUTO,
        "Shortcuts",
        "A pads with zeros and B projects where the shape changes, C projects everywhere. auto is A in ResNet-20, "
        "32, 44, 56 and 110, B in the others.",
        choices=OFFERED_SHORTCUTS,
        absent="B",
        details="torchvision's weights need B. A adds no parameters. Plain networks have none, and resnet50_article "
        "its own: leave auto there.",
    )
    zero_init_residual: bool = setting(
        True,
        "Zero-init residual",
        "The scale (γ) of the last batch norm in each residual branch starts at zero. No effect in plain networks.",
        details="Every block starts as its shortcut, so that a deep network bears a high learning rate from the first "
        "steps on (Goyal et al. 2017, section 5.1). No effect where Start from gives the weights.",
    )
    whiten_stem: bool = setting(
        True,
        "Whitened stem initialisation",
        "The stem's filters start as whitened principal components of training patches, instead of at random.",
        absent=False,
        details="Computed from 1,000 training images before the first step. No effect where no norm follows the first "
        "convolution (resnet50_article), or where Start from gives the first layer.",
    )
    start_from: str = setting(
        "",
        "Start from",
        "Initial weights. Empty: random; run:ID: the weights of another run; torchvision: ImageNet weights "
        "(downloaded).",
        absent="",
        details="Where the classes differ the last layer starts anew, where the stem differs the first. Only weights "
        "are taken: optimizer, epoch and schedule begin at zero. torchvision has resnet18 to resnet152 with "
        "the shortcuts B. On the command line file:PATH takes a safetensors file with torchvision's or timm's names, "
        "of which the run keeps a copy.",
    )
    epochs: int = setting(
        5,
        "Epochs",
        "Passes over all images.",
        minimum=1,
        maximum=1000,
        details="The schedule stretches over all of them, so a run of 10 epochs is no run of 20 that is stopped half-"
        "way. To train on, start a new run from this one's weights.",
    )
    batch_size: int = setting(
        128,
        "Batch size",
        "Images per step.",
        minimum=2,
        maximum=8192,
        details="An epoch drops the images that do not fill its last batch. With twice the batch, about twice the "
        "learning rate for SGD, and 1.4 times for Adam. Shared out between Processes: each needs two images.",
    )
    optimizer: str = setting(
        "adamw",
        "Optimizer",
        "The rule that moves the weights.",
        choices=("adamw", "adam", "sgd"),
        details="sgd is SGD with Nesterov momentum. adamw decays weights apart from the gradient, adam adds the decay "
        "to it. Learning rates do not carry over: about 0.003 for adamw is 0.1 to 0.4 for sgd.",
    )
    learning_rate: float = setting(
        3e-3,
        "Learning rate",
        "The peak learning rate.",
        minimum=1e-7,
        maximum=10.0,
        details="Per step, unitless. The highest value that Schedule reaches; batch norms and biases take it times "
        "their multiplier. If the loss is no longer a number, halve it.",
    )
    norm_bias_lr_mult: float = setting(
        8.0,
        "LR multiplier for batch norms and biases",
        "Multiplies the learning rate of batch norms and biases.",
        minimum=0.0,
        maximum=1000.0,
        absent=1.0,
        details="These few parameters scale and shift whole channels, and their initial values carry no information. "
        "Above 1 helps short runs; 1 is the usual recipe, 0 freezes them. They are never decayed.",
    )
    schedule: str = setting(
        "linear_warmup_decay",
        "Schedule",
        "linear_warmup_decay rises to the peak, then falls to zero; step falls to a tenth at half and at three "
        "quarters of the run; constant stays.",
        choices=("linear_warmup_decay", "step", "constant"),
        details="Over all steps of the run. constant ignores Warm-up; step warms up, too, and its falls stay at half "
        "and at three quarters.",
    )
    warmup: float = setting(
        0.2,
        "Warm-up",
        "The share of all steps in which the learning rate rises.",
        minimum=0.0,
        maximum=0.9,
        details="0.2 of 5 epochs is the first epoch. 0 starts at the peak, which needs Zero-init residual or a low "
        "learning rate.",
    )
    weight_decay: float = setting(
        0.05,
        "Weight decay",
        "Pulls weights towards zero at each step.",
        minimum=0.0,
        maximum=1.0,
        details="Per step, times the learning rate for adamw and sgd. Not applied to norms and biases. Typical: 0.05 "
        "for adamw, 0.0005 for sgd.",
    )
    momentum: float = setting(
        0.8,
        "Momentum",
        "Momentum (beta1 for Adam).",
        minimum=0.0,
        maximum=0.999,
        details="The share of the last step's direction that is kept; 0 turns it off for sgd. With sgd 0.9 makes a "
        "steady step ten gradients long, so a lower momentum tolerates a higher learning rate. For adam and adamw it "
        "is an average: it smooths, and lengthens nothing.",
    )
    beta2: float = setting(
        0.99,
        "Beta 2",
        "Decay rate of Adam's running average of squared gradients (beta2).",
        minimum=0.0,
        maximum=0.9999,
        details="For adam and adamw only; sgd ignores it. 0.99 remembers about 100 steps, 0.999 about 1,000: a short "
        "run wants the shorter one.",
    )
    label_smoothing: float = setting(
        0.1,
        "Label smoothing",
        "Share of the target that is spread evenly over all classes.",
        minimum=0.0,
        maximum=0.5,
        details="Keeps the network from becoming ever surer of what it has right; probabilities come out lower. The "
        "training loss then cannot reach zero, and is not comparable with a run without it.",
    )
    ema_decay: float = setting(
        0.995,
        "Weight EMA decay",
        "Decay of the exponential moving average (EMA) of the weights. The averaged weights are evaluated and saved. "
        "0 turns it off.",
        minimum=0.0,
        maximum=0.99999,
        details="Per step; 0.995 averages about the last 200 steps, and less at the beginning. What Classify, "
        "Evaluate and the test curve use is the average, so test may look better than train. Costs one more "
        "copy of the weights.",
    )
    crop_padding: int = setting(
        2,
        "Random crop",
        "Pixels by which an image may shift; its edge is mirrored.",
        minimum=0,
        maximum=16,
        details="In pixels of the 32; 4 is usual for long runs, 2 for short ones, 0 turns it off. Applied to training "
        "images only, anew each epoch.",
    )
    cutout: int = setting(
        0,
        "Cutout",
        "Side in pixels of a square, at a random place, that becomes the mean colour; 0 cuts nothing out.",
        minimum=0,
        maximum=32,
        absent=0,
        details="In pixels of the 32 (DeVries and Taylor 2017); the square lies wholly inside. For long runs: a "
        "short one learns less with it. Training images only.",
    )
    flip: bool = setting(
        True,
        "Random flip",
        "Mirror half of the images, where the data allow it.",
        details="Off for the digits, whose mirror images are other signs, whatever stands here. For a folder of "
        "images it counts: turn it off where left and right mean something.",
    )
    flip_averaging: bool = setting(
        False,
        "Flip averaging",
        "Classify and Evaluate answer by the mean over an image and its mirror image.",
        absent=False,
        details="Of the logits; each answer takes twice as long. Evaluate says how often the image alone is right, "
        "too. The curves and the choice of the best epoch go by the image alone. No effect on the digits.",
    )
    normalisation: str = setting(
        "data",
        "Normalisation",
        "Normalise with the mean and standard deviation of the training images, or with ImageNet's.",
        choices=("data", "imagenet"),
        details="Subtracted and divided by, per channel; stored in the checkpoint, so that Classify does the same. "
        "imagenet fits Start from torchvision.",
    )
    train_images: int = setting(
        0,
        "Training images",
        "How many images to take from the training part; 0 = all.",
        minimum=0,
        details="Drawn by Seed before the held-out images are taken from them. Fewer is for trying things out: an "
        "epoch gets shorter in the same measure.",
    )
    test_images: int = setting(
        0,
        "Test images",
        "How many test images to evaluate on; 0 = all.",
        minimum=0,
        details="Drawn by Seed. With 1,000 of them an accuracy of 80 % is known to within 2.5 points, with 10,000 to "
        "within 0.8.",
    )
    validation_images: int = setting(
        2000,
        "Held-out images",
        "Validation images: taken out of the training images (at most a tenth) and never trained on. Choices and "
        "calibration use them; the test set only reports.",
        minimum=0,
        details="They decide which epoch's weights are kept as the best, besides the last. 0 gives all images to "
        "training, and then nothing is chosen by accuracy. Drawn by Seed; for folders by name.",
    )
    early_stopping_patience: int = setting(
        0,
        "Early stopping patience",
        "Stop after this many epochs without a higher held-out accuracy; 0 = never.",
        minimum=0,
        maximum=1000,
        absent=0,
        details="In epochs, by the held-out images; any higher accuracy is a gain. The best epoch's weights are kept "
        "as epochs/NNNN.safetensors; Classify and Evaluate use the last epoch's. For schedules that do not fall: with "
        "linear_warmup_decay most is gained in the last epochs, and a run that ends before them misses that. Does not "
        "work with 0 held-out images.",
    )
    split: str = setting(
        BY_NAME,
        "Split of a folder",
        "by_name assigns each image of a folder to training, validation or test by a hash of its name, so new images "
        "move no old ones. by_position is the split of earlier versions.",
        choices=(BY_NAME, BY_POSITION),
        absent=BY_POSITION,
        details="For data of folder:PATH only. by_name is right for new runs; by_position is there so that a run of "
        "an earlier version, and what starts from it, keeps its test images.",
    )
    seed: int = setting(
        0,
        "Seed",
        "The same seed gives the same run: bit for bit on a CPU with as many threads, and on CUDA with deterministic "
        "kernels; elsewhere equal up to rounding.",
        minimum=0,
        maximum=2**31 - 1,
        details="Draws the first weights, the order of images, the augmentation and what is held out. Run the same "
        "settings with three seeds before you believe a difference of a point.",
    )
    device: str = setting(
        "auto",
        "Device",
        "auto takes CUDA, then Apple's GPU, then the CPU.",
        choices=("auto", "cuda", "mps", "cpu"),
        details="One that is not there is refused at Start. A run resumed on another kind of device continues equal "
        "up to rounding, not bit for bit.",
    )
    precision: str = setting(
        "auto",
        "Precision",
        "auto computes in bfloat16 on GPUs from Ampere on and on CPUs with AVX-512 BF16 or AMX, in float16 on Volta "
        "and Turing, in float32 elsewhere.",
        choices=("auto", "float32", "bfloat16", "float16"),
        details="Weights and optimizer stay float32; the network computes in this. bfloat16 and float16 take half the "
        "memory for activations. float16 is for CUDA alone, and scales the loss. float32 uses TF32 on CUDA.",
    )
    compile: bool = setting(
        False,
        "Compile",
        "Let PyTorch compile the network: minutes at the start, faster steps on a GPU.",
        absent=False,
        details="By torch.compile; on a CPU it needs a C++ compiler. Not worth it for runs of minutes. The numbers "
        "differ from an uncompiled run's by rounding.",
    )
    cuda_graph: bool = setting(
        False,
        "CUDA graph",
        "On one CUDA device, record a step once and replay it: the same numbers, less waiting for the CPU.",
        absent=False,
        details="With Processes 1 and CUDA only; ignored elsewhere. Worth most where steps are shorter than a few "
        "milliseconds: small networks and batches. The gradient norm is then computed at every step.",
    )
    deterministic: bool = setting(
        False,
        "Deterministic",
        "On a CUDA device, only kernels that give the same bits each time: slower. A CPU always does.",
        absent=False,
        details="Needed for a resumed run on CUDA to equal one that was never stopped, bit for bit. An operation "
        "without a deterministic kernel stops the run with an error message.",
    )
    threads: int = setting(
        0,
        "CPU threads",
        "0 = as many as PyTorch chooses.",
        minimum=0,
        maximum=1024,
        details="Stored with the run and set again on resume, since the number changes rounding. More than there are "
        "cores is slower. With several processes, each uses this many threads.",
    )
    processes: int = setting(
        1,
        "Processes",
        "They share each batch, each on a GPU of its own. 1 where there is one GPU or none.",
        minimum=1,
        maximum=64,
        absent=1,
        details="Gradients are averaged after each step, so the run is that of one process with the same batch, but "
        "for the statistics of the norms, which each takes of its own share. Batch size must be at least "
        "twice this.",
    )
    log_every_steps: int = setting(
        10,
        "Steps per logged point",
        "A point of the curves is the mean over so many steps.",
        minimum=1,
        maximum=10000,
        details="In steps of the optimizer. A point costs one wait for the device and a line of about 250 bytes in "
        "events.jsonl; of a very long run not every point is drawn.",
    )
    measure_blocks_every: int = setting(
        100,
        "Steps between block measurements",
        "Measure every this many steps how much each block adds to its input and how large its gradient is; 0 = never.",
        minimum=0,
        maximum=100_000,
        absent=0,
        details="In steps of the optimizer. Measured by a copy of the network on 16 images of the batch, which takes "
        "about a third of a step; what is learned stays the same bit for bit.",
    )
