"""A bucket as its readers see it."""

from __future__ import annotations

import boto3

PREFIX = "museum/statue/"


class Bucket:
    """What readers see below a prefix."""

    def __init__(self, address: str):
        self.address = address
        self.client = boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
        )
        self.client.create_bucket(Bucket="assets")

    def objects(self, prefix: str = PREFIX) -> dict[str, bytes]:
        listed = self.client.list_objects_v2(Bucket="assets", Prefix=prefix).get("Contents", [])
        return {each["Key"].removeprefix(prefix): self.read(each["Key"]) for each in listed}

    def read(self, key: str) -> bytes:
        return self.client.get_object(Bucket="assets", Key=key)["Body"].read()
