module reconstruction.dev/devcluster/pause

go 1.21
