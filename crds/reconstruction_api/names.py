"""Names that both sides of the API agree on: group, kinds, labels, environment variables, paths in a worker pod."""

from typing import Final

GROUP: Final = "reconstruction.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

JOB_KIND: Final = "ReconstructionJob"
JOB_PLURAL: Final = "reconstructionjobs"
PROFILE_KIND: Final = "ReconstructionProfile"
PROFILE_PLURAL: Final = "reconstructionprofiles"
CLUSTER_PROFILE_KIND: Final = "ClusterReconstructionProfile"
CLUSTER_PROFILE_PLURAL: Final = "clusterreconstructionprofiles"

# Every object that the operator creates carries these labels; watches are filtered on the first by the server.
LABEL_JOB: Final = f"{GROUP}/job"
LABEL_JOB_UID: Final = f"{GROUP}/job-uid"
LABEL_CLASS: Final = f"{GROUP}/resource-class"
LABEL_DIGEST: Final = f"{GROUP}/digest"
LABEL_ATTEMPT: Final = f"{GROUP}/attempt"

# Kueue admits a Job with this label; the value is the name of a LocalQueue.
LABEL_QUEUE: Final = "kueue.x-k8s.io/queue-name"

# `kubectl get recon --field-selector status.completionTime=` lists the unfinished jobs, from Kubernetes 1.31 on.
FIELD_COMPLETION_TIME: Final = "status.completionTime"

# A job's name leaves 11 characters for the suffix of its children (an object's label values hold 63).
MAX_JOB_NAME: Final = 52

PROGRESS_AUDIENCE: Final = "reconstruction-operator"
PROGRESS_PATH: Final = "/v1/progress"

# What a worker pod finds in its environment and file system.
ENV_JOB: Final = "RECONSTRUCTION_JOB"  # JSON of reconstruction_api.worker.WorkerJob
ENV_PLAN: Final = "RECONSTRUCTION_PLAN"  # JSON of reconstruction_api.plan.WorkerPlan; older workers ignore it
ENV_PROGRESS_URL: Final = "RECONSTRUCTION_PROGRESS_URL"
ENV_TOKEN_FILE: Final = "RECONSTRUCTION_TOKEN_FILE"
ENV_GPU: Final = "RECONSTRUCTION_GPU"  # GPU_PROMISED where the pods that train ask for a device
GPU_PROMISED: Final = "promised"
ENV_DEPTH_FUSION: Final = "RECONSTRUCTION_DEPTH_FUSION"  # spec.training.depthFusion, which older workers do not know
ENV_WORKSPACE_CLAIM: Final = "RECONSTRUCTION_WORKSPACE_CLAIM"  # name of the claim mounted at WORKSPACE_PATH
WORKSPACE_PATH: Final = "/workspace"
SOURCE_PATH: Final = "/source"  # the claim of spec.source, or the other job's
ADDED_PATH: Final = "/added"  # the claim with photos that are added to another job's
CREDENTIALS_PATH: Final = "/var/run/secrets/source-credentials"  # a file for each credential of spec.source.secretName
CAMERA_PATH_PATH: Final = "/var/run/secrets/camera-path"  # has the entry that spec.turntable.pathFile names
DESTINATION_PATH: Final = "/destination"  # the claim of spec.destination
DESTINATION_CREDENTIALS_PATH: Final = "/var/run/secrets/destination-credentials"  # the same of spec.destination
EARLIER_DESTINATION_PATH: Final = "/var/run/secrets/earlier-destination"  # the claim of status.publishedTo
EARLIER_CREDENTIALS_PATH: Final = "/var/run/secrets/earlier-destination-credentials"
REMOVAL: Final = "removal"  # value of LABEL_CLASS of the Jobs that remove something of an ended job
ENV_WEIGHTS: Final = "RECONSTRUCTION_WEIGHTS"  # folder of networks' weights where it is not WEIGHTS_PATH
WEIGHTS_PATH: Final = "/weights"  # the volume of the profile's `weights`
TERMINATION_LOG: Final = "/dev/termination-log"
