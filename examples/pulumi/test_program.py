"""The program under Pulumi's mock runtime: `python -m unittest test_program` with pulumi and pulumi-kubernetes installed."""

import importlib.util
import pathlib
import unittest

import pulumi


class Mocks(pulumi.runtime.Mocks):
    """Resources as they are asked for; nothing is made."""

    def __init__(self):
        self.made = {}

    def new_resource(self, args):
        self.made[args.name] = (args.typ, args.inputs)
        outputs = dict(args.inputs)
        metadata = dict(outputs.get("metadata") or {})
        metadata.setdefault("name", args.name + "-0a1b2c3d")
        outputs["metadata"] = metadata
        return [args.name + "_id", outputs]

    def call(self, args):
        return {}


MOCKS = Mocks()
pulumi.runtime.set_mocks(MOCKS)
_spec = importlib.util.spec_from_file_location("program", pathlib.Path(__file__).with_name("__main__.py"))
program = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(program)


class Program(unittest.TestCase):
    @pulumi.runtime.test
    def test_the_autoscaler_scales_the_deployment(self):
        def check(names):
            target, deployment = names
            self.assertEqual(target, deployment)

        target = program.hpa.spec["scale_target_ref"]["name"]
        return pulumi.Output.all(target, program.deployment.metadata["name"]).apply(check)

    @pulumi.runtime.test
    def test_both_objects_are_made(self):
        def check(_):
            self.assertEqual(
                sorted(typ for typ, _ in MOCKS.made.values()),
                ["kubernetes:apps/v1:Deployment", "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"],
            )

        return pulumi.Output.all(program.deployment.urn, program.hpa.urn).apply(check)


if __name__ == "__main__":
    unittest.main()
