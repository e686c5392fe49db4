#!/usr/bin/env python3
"""Makes instances.csv anew from public files. Python's standard library only; nothing is fetched.

    renew.py --aws-types instance-types.md --aws-prices zz_generated.pricing_aws.go \
        --gcp-prices gce_price_info.go --azure-types azure_instance_types.go --azure-prices zz_generated.pricing.go \
        --keep instances.csv -o instances.csv
    renew.py --keep instances.csv --skypilot aws=vms.csv --skypilot gcp=gcp.csv -o instances.csv

Sources (all Apache-2.0), and what is taken of them:
  aws/karpenter-provider-aws    website/content/en/*/reference/instance-types.md (shapes, accelerators, disks, network),
                                pkg/providers/pricing/zz_generated.pricing_aws.go (on demand, us-east-1)
  kubernetes/autoscaler         cluster-autoscaler/cloudprovider/gce/gce_price_info.go (on demand and spot),
                                cluster-autoscaler/cloudprovider/azure/azure_instance_types.go (shapes)
  Azure/karpenter-provider-azure  pkg/providers/pricing/zz_generated.pricing.go (on demand, eastus)
  skypilot-org/skypilot-catalog catalogs/*/CLOUD/vms.csv (on demand, and the median of the zones' spot prices)

Rows of --keep stay in their place and keep every cell that they have; what they lack is filled. A price or a rate that
no source has stays empty: nothing is guessed.
"""

import argparse
import csv
import re
import statistics
import sys

COLUMNS = [
    "cloud", "instance_type", "vcpus", "memory_gib", "gpu_model", "gpus", "gpu_memory_gib",
    "on_demand_usd_per_hour", "spot_usd_per_hour", "reserved_1y_usd_per_hour", "reserved_3y_usd_per_hour",
    "interruptions_percent_a_month", "arch", "nvlink_domain", "local_storage_gb", "network_gbps", "cpu_manufacturer",
    "hypervisor",
]

AWS_FAMILIES = """t3 t3a t4g
m5 m5a m5d m5n m6a m6g m6i m6id m6in m7a m7g m7gd m7i m7i-flex m8a m8g m8i
c5 c5a c5d c5n c6a c6g c6gn c6i c6id c6in c7a c7g c7gn c7i c7i-flex c8a c8g c8i
r5 r5a r5d r6a r6g r6i r6id r7a r7g r7i r8g r8i x2idn x2iedn
i3en i4i i7ie
g4dn g5 g5g g6 g6e gr6 g7e p3dn p4d p4de p5 p5e p5en p6-b200 p6-b300
trn1 trn1n trn2 inf2""".split()

# What the labels call it, and what it is called here; nominal GiB of a device, where the label has the usable ones.
MODELS = {
    "t4": ("T4", 16), "a10g": ("A10G", 24), "t4g": ("T4G", 16), "l4": ("L4", 24), "l40s": ("L40S", 48),
    "v100": ("V100", 32), "a100": ("A100", None), "h100": ("H100", 80), "h200": ("H200", 141), "b200": ("B200", None),
    "b300": ("B300", None), "rtx-pro-server-6000": ("RTX-PRO-6000", 96),
    "trainium": ("Trainium", 32), "trainium2": ("Trainium2", 96), "inferentia2": ("Inferentia2", 32),
}

# GPUs that NVLink (or NeuronLink, Infinity Fabric, ICI within a host) joins, as the clouds' documentation has it.
NVLINK = {"p3": 8, "p3dn": 8, "p4d": 8, "p4de": 8, "p5": 8, "p5e": 8, "p5en": 8, "p6-b200": 8, "p6-b300": 8,
          "trn1": 16, "trn1n": 16, "trn2": 16}

# AWS Spot Instance Advisor of 1 May 2025, as quoted by thundercompute.com: percent of machines that were taken back
# within a month, middle of its band (0 to 5, 5 to 10, 10 to 20).
INTERRUPTIONS = {"g6": 2.5, "p4d": 7.5, "p5": 15}

# GiB a vCPU of Google's predefined machine types, by family and class; see cloud.google.com/compute/docs.
GCP_MEMORY = {
    "n1": {"standard": 3.75, "highmem": 6.5, "highcpu": 0.9}, "n2": {"standard": 4, "highmem": 8, "highcpu": 1},
    "n2d": {"standard": 4, "highmem": 8, "highcpu": 1}, "e2": {"standard": 4, "highmem": 8, "highcpu": 1},
    "c2": {"standard": 4}, "c2d": {"standard": 4, "highmem": 8, "highcpu": 2},
    "c3": {"standard": 4, "highmem": 8, "highcpu": 2}, "c3d": {"standard": 4, "highmem": 8, "highcpu": 2},
    "t2d": {"standard": 4}, "g2": {"standard": 4},
}
GCP_L4 = {4: 1, 8: 1, 12: 1, 16: 1, 24: 2, 32: 1, 48: 4, 96: 8}
GCP_A2 = {"highgpu-1g": (12, 85, 1, 40), "highgpu-2g": (24, 170, 2, 40), "highgpu-4g": (48, 340, 4, 40),
          "highgpu-8g": (96, 680, 8, 40), "megagpu-16g": (96, 1360, 16, 40), "ultragpu-1g": (12, 170, 1, 80),
          "ultragpu-2g": (24, 340, 2, 80), "ultragpu-4g": (48, 680, 4, 80), "ultragpu-8g": (96, 1360, 8, 80)}

AZURE = re.compile(r"Standard_(D\d+a?d?s_v5|D\d+a?s_v6|D\d+pl?s_v[56]|E\d+a?s_v5|E\d+ps_v5|F\d+s_v2|F\d+as_v6|B\d+(ms|s|s_v2|ps_v2)"
                   r"|NC.*(_v3|_v4|_v5)|ND.*|NV\d+ads_A10_v5)$")
# By the name's part: model, nominal GiB, GPUs in one NVLink domain (empty: the documentation says nothing).
AZURE_GPUS = [("MI300X", "MI300X", 192, 8), ("H200", "H200", 141, 8), ("NDR_GB200", "GB200", 192, 72),
              ("ND96isr_H100", "H100", 80, 8), ("H100_v5", "H100", 94, ""), ("NDAMSR", "A100", 80, 8),
              ("ND96amsr", "A100", 80, 8), ("ND96asr", "A100", 40, 8), ("A100_v4", "A100", 80, ""),
              ("NV", "A10", 24, 1), ("A10_v4", "A10", 24, 1), ("T4_v3", "T4", 16, 1), ("ND40rs_v2", "V100", 32, 8),
              ("_v3", "V100", 16, "")]

# Shapes that none of those files has, from the clouds' documentation; no price of theirs is known here.
EXTRA = [
    # cloud, type, arch, vCPUs, GiB, model, devices, GiB a device, NVLink domain, network Gbit/s
    ("aws", "p6e-gb200.36xlarge", "arm64", 144, 960, "GB200", 4, 185, 72, 1600),
    ("gcp", "a3-ultragpu-8g", "amd64", 224, 2952, "H200", 8, 141, 8, 3600),
    ("gcp", "a4-highgpu-8g", "amd64", 224, 3968, "B200", 8, 180, 8, 3600),
    ("gcp", "a4x-highgpu-4g", "arm64", 140, 884, "GB200", 4, 186, 72, 2000),
    ("gcp", "ct5lp-hightpu-1t", "amd64", 24, 48, "TPU-v5e", 1, 16, "", ""),
    ("gcp", "ct5lp-hightpu-4t", "amd64", 112, 192, "TPU-v5e", 4, 16, "", ""),
    ("gcp", "ct5lp-hightpu-8t", "amd64", 224, 384, "TPU-v5e", 8, 16, "", ""),
    ("gcp", "ct5p-hightpu-4t", "amd64", 208, 448, "TPU-v5p", 4, 95, "", ""),
    ("gcp", "ct6e-standard-1t", "amd64", 44, 176, "TPU-v6e", 1, 32, "", ""),
    ("gcp", "ct6e-standard-4t", "amd64", 180, 720, "TPU-v6e", 4, 32, "", ""),
    ("gcp", "ct6e-standard-8t", "amd64", 180, 1440, "TPU-v6e", 8, 32, "", ""),
    ("azure", "Standard_ND128isr_NDR_GB200_v6", "arm64", 128, 900, "GB200", 4, 192, 72, ""),
]


def plain(number):
    """`0.5`, `4`, nothing for nothing."""
    return "" if number in ("", None) else f"{float(number):.6f}".rstrip("0").rstrip(".")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def aws(types, prices):
    on_demand = {name: price for name, price in re.findall(r'"([a-z0-9-]+\.[a-z0-9-]+)":\s*([0-9.]+)', prices)}
    for block in re.split(r"^### `", types, flags=re.M)[1:]:
        name = block.split("`", 1)[0]
        family, size = name.split(".", 1)
        if family not in AWS_FAMILIES or size.startswith("metal"):
            continue
        of = dict(re.findall(r"^ ?\|([^|]+)\|([^|]*)\|", block, flags=re.M))
        label = lambda key: of.get("karpenter.k8s.aws/instance-" + key, "")
        device = label("gpu-name") or label("accelerator-name")
        count = label("gpu-count") or label("accelerator-count") or "0"
        model, memory = MODELS.get(device, (device.upper(), None)) if device else ("", "")
        if device and memory is None:
            memory = round(int(label("gpu-memory")) / 1024)
        if family == "p4d":
            memory = 40
        domain = ""
        if device:
            domain = min(NVLINK.get(family, 1), int(count))
        yield {
            "cloud": "aws", "instance_type": name, "vcpus": label("cpu"), "memory_gib": int(label("memory")) / 1024,
            "gpu_model": model, "gpus": count, "gpu_memory_gib": memory, "on_demand_usd_per_hour": on_demand.get(name, ""),
            "interruptions_percent_a_month": INTERRUPTIONS.get(family, ""), "arch": of.get("kubernetes.io/arch", ""),
            "nvlink_domain": domain, "local_storage_gb": label("local-nvme"),
            "network_gbps": int(label("network-bandwidth")) / 1000 if label("network-bandwidth") else "",
            "cpu_manufacturer": label("cpu-manufacturer"), "hypervisor": label("hypervisor"),
        }


def go_map(text, name):
    body = re.search(name + r"\s*=\s*map\[string\]float64\{(.*?)\n\t\}", text, flags=re.S).group(1)
    return dict(re.findall(r'"([^"]+)":\s*([0-9.]+),', body))


def gcp(prices):
    on_demand, spot = go_map(prices, "instancePrices"), go_map(prices, "preemptiblePrices")
    # The table prices these three above their price, for a reason of its own.
    on_demand.update({"e2-micro": "0.00838", "e2-small": "0.01675"})
    spot.update({"e2-micro": "0.00251", "e2-small": "0.00503"})
    shared = {"e2-micro": (2, 1), "e2-small": (2, 2), "e2-medium": (2, 4)}
    for name, price in on_demand.items():
        family, rest = name.split("-", 1)
        row = {"cloud": "gcp", "instance_type": name, "on_demand_usd_per_hour": price, "spot_usd_per_hour": spot.get(name, ""),
               "arch": "amd64", "gpus": 0, "gpu_model": "", "gpu_memory_gib": "", "nvlink_domain": ""}
        if family == "a2":
            vcpus, memory, gpus, of_each = GCP_A2[rest]
            row.update(vcpus=vcpus, memory_gib=memory, gpu_model="A100", gpus=gpus, gpu_memory_gib=of_each, nvlink_domain=gpus)
        elif name in shared:
            row.update(vcpus=shared[name][0], memory_gib=shared[name][1])
        elif family in GCP_MEMORY and rest.count("-") == 1:
            kind, vcpus = rest.split("-")
            if kind not in GCP_MEMORY[family]:
                continue
            vcpus = int(vcpus)
            row.update(vcpus=vcpus, memory_gib=vcpus * GCP_MEMORY[family][kind])
            if family == "g2":
                row.update(gpu_model="L4", gpus=GCP_L4[vcpus], gpu_memory_gib=24, nvlink_domain=1)
        else:
            continue
        yield row


def azure(types, prices):
    region = re.search(r'initialOnDemandPrices\["eastus"\] = map\[string\]float64\{(.*?)\n\t\}', prices, flags=re.S)
    on_demand = dict(re.findall(r'"([^"]+)":\s*([0-9.]+),', region.group(1)))
    found = re.findall(r'InstanceType:\s*"([^"]+)",\s*SkuFamily:\s*"[^"]*",\s*VCPU:\s*(\d+),\s*MemoryMb:\s*(\d+),\s*GPU:\s*(\d+),'
                       r'\s*Architecture:\s*"([^"]*)"', types)
    for name, vcpus, memory, gpus, arch in found:
        if not AZURE.match(name) or "is_MI300X" in name or name.startswith("Standard_NCC"):
            continue
        row = {"cloud": "azure", "instance_type": name, "vcpus": vcpus, "memory_gib": int(memory) / 1024, "gpu_model": "",
               "gpus": gpus, "gpu_memory_gib": "", "on_demand_usd_per_hour": on_demand.get(name, ""), "arch": arch.lower() or "amd64"}
        if gpus != "0":
            model, of_each, domain = next(rest for part, *rest in AZURE_GPUS if part in name)
            row.update(gpu_model=model, gpu_memory_gib=of_each, nvlink_domain=domain)
            # A part of an A10 is no A10.
            if name.startswith("Standard_NV") and int(vcpus) < 36:
                continue
        if row["on_demand_usd_per_hour"] or gpus != "0":
            yield row


def extra():
    for cloud, name, arch, vcpus, memory, model, count, of_each, domain, network in EXTRA:
        yield {"cloud": cloud, "instance_type": name, "arch": arch, "vcpus": vcpus, "memory_gib": memory, "gpu_model": model,
               "gpus": count, "gpu_memory_gib": of_each, "nvlink_domain": domain, "network_gbps": network,
               "hypervisor": "nitro" if cloud == "aws" else "", "cpu_manufacturer": ""}


def skypilot(cloud, path, region):
    """One row a type and zone; a type's spot price is the median of the zones'."""
    prices, spots = {}, {}
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row.get("Region") != region or not row.get("InstanceType"):
                continue
            name = row["InstanceType"]
            if row.get("Price"):
                prices[name] = row["Price"]
            if row.get("SpotPrice"):
                spots.setdefault(name, []).append(float(row["SpotPrice"]))
    for name in sorted(set(prices) | set(spots)):
        spot = f"{statistics.median(spots[name]):.4f}" if name in spots else ""
        yield {"cloud": cloud, "instance_type": name, "on_demand_usd_per_hour": prices.get(name, ""), "spot_usd_per_hour": spot}


REGIONS = {"aws": "us-east-1", "gcp": "us-central1", "azure": "eastus"}
NUMBERS = {"vcpus", "memory_gib", "gpu_memory_gib", "on_demand_usd_per_hour", "spot_usd_per_hour", "local_storage_gb", "network_gbps",
           "interruptions_percent_a_month"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for source in ["aws-types", "aws-prices", "gcp-prices", "azure-types", "azure-prices", "keep"]:
        parser.add_argument("--" + source, metavar="FILE")
    parser.add_argument("--skypilot", metavar="CLOUD=FILE", action="append", default=[])
    parser.add_argument("--new-prices", action="store_true", help="prices of the sources win over those of --keep")
    parser.add_argument("-o", "--output", metavar="FILE", required=True)
    of = parser.parse_args()
    rows = {}
    if of.keep:
        with open(of.keep, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows[row["cloud"], row["instance_type"]] = {column: row.get(column) or "" for column in COLUMNS}
    sources = []
    if of.aws_types and of.aws_prices:
        sources.append((True, aws(read(of.aws_types), read(of.aws_prices))))
    if of.gcp_prices:
        sources.append((True, gcp(read(of.gcp_prices))))
    if of.azure_types and of.azure_prices:
        sources.append((True, azure(read(of.azure_types), read(of.azure_prices))))
    if sources:
        sources.append((True, extra()))
    for named in of.skypilot:
        cloud, _, path = named.partition("=")
        if cloud not in REGIONS or not path:
            sys.exit(f"--skypilot {named}: expected aws=FILE, gcp=FILE or azure=FILE")
        # That catalogue has no shapes that are complete enough: it prices types that are known.
        sources.append((False, skypilot(cloud, path, REGIONS[cloud])))
    for adds, found in sources:
        for new in found:
            key = new["cloud"], new["instance_type"]
            if key not in rows and not adds:
                continue
            old = rows.setdefault(key, {column: "" for column in COLUMNS})
            for column in COLUMNS:
                value = new.get(column, "")
                value = plain(value) if column in NUMBERS and value != "" else str(value)
                wins = of.new_prices and column.endswith("usd_per_hour") and value
                if not old[column] or wins:
                    old[column] = value
    if not rows:
        sys.exit("nothing to write: give sources, or --keep")
    with open(of.output, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())
    priced = sum(1 for row in rows.values() if row["on_demand_usd_per_hour"])
    print(f"{of.output}: {len(rows)} types, {priced} with an on-demand price, "
          f"{sum(1 for row in rows.values() if row['spot_usd_per_hour'])} with a spot price")


if __name__ == "__main__":
    main()
