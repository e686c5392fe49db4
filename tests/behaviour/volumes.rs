//! Volumes that live in a zone or on a node, the root disk, and devices that no driver offers.

use super::written::written_with;

fn stateful_set(template: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: db}}\nspec: {{replicas: 1, serviceName: db, selector: {{matchLabels: {{app: db}}}}, \
         template: {{metadata: {{labels: {{app: db}}}}, spec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: \"1\", memory: 2Gi}}}}}}]}}}}{template}}}"
    )
}

const CLAIM: &str = ", volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], storageClassName: gp3, resources: {requests: {storage: 10Gi}}}}]";

const TWO_ZONES: &str = "  nodes:\n    - {name: a, instanceType: m6i.xlarge, zone: zone-a}\n    - {name: b, instanceType: m6i.xlarge, zone: zone-b}\n";

/// Ten times away and back: without a volume it lands in both zones, with one always where it was first.
#[test]
fn a_stateful_sets_pod_comes_back_to_the_zone_of_its_volume() {
    let changes: Vec<String> = (1..=20)
        .map(|step| {
            let target = "{kind: StatefulSet, name: db}";
            format!("    - {{at: {step}m, target: {target}, replicas: {}}}\n", (step + 1) % 2)
        })
        .collect();
    let zones = |volumes: &str| {
        let spec = format!("  duration: 30m\n{TWO_ZONES}  replicaChanges:\n{}", changes.join(""));
        let mut zones = written_with(3, &spec, &stateful_set(volumes)).zones("db-0");
        assert_eq!(zones.len(), 11);
        zones.sort();
        zones.dedup();
        zones.len()
    };
    assert_eq!(zones(""), 2);
    assert_eq!(zones(CLAIM), 1);
    let forgets = format!("{CLAIM}, persistentVolumeClaimRetentionPolicy: {{whenScaled: Delete}}");
    assert_eq!(zones(&forgets), 2);
}

/// The zone of the volume fails: the pod never runs in the other one.
#[test]
fn a_pod_waits_for_the_zone_of_its_volume() {
    for (seed, lost) in [(1, "zone-a"), (1, "zone-b"), (2, "zone-a"), (2, "zone-b")] {
        let spec = format!("  duration: 2h\n{TWO_ZONES}  outages: [{{at: 30m, zone: {lost}}}]\n");
        let mut zones = written_with(seed, &spec, &stateful_set(CLAIM)).zones("db-0");
        zones.dedup();
        assert_eq!(zones.len(), 1, "{zones:?}");
    }
}

#[test]
fn a_bound_volume_says_where_its_pod_goes() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {volumes: [{name: v, persistentVolumeClaim: {claimName: data}}], containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}\n---\n\
        apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], volumeName: pv, resources: {requests: {storage: 1Gi}}}\n---\n\
        apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: pv}\nspec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [ZONE]}]}]}}}";
    for zone in ["zone-a", "zone-b"] {
        let run = written_with(1, &format!("  duration: 10m\n{TWO_ZONES}"), &pod.replace("ZONE", zone));
        assert_eq!(run.zones("p"), [zone]);
    }
    let nowhere = written_with(1, &format!("  duration: 10m\n{TWO_ZONES}"), &pod.replace("ZONE", "zone-c"));
    assert_eq!(nowhere.pods("p")[0].scheduled, None);
}

/// Pods that share a claim follow the first of them.
#[test]
fn pods_that_share_a_claim_share_its_zone() {
    let objects = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 6, selector: {matchLabels: {app: web}}, \
        template: {metadata: {labels: {app: web}}, spec: {volumes: [{name: v, persistentVolumeClaim: {claimName: shared}}], \
        containers: [{name: c, image: i, resources: {requests: {cpu: 500m}}}]}}}\n---\n\
        apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: shared}\nspec: {accessModes: [MODE], resources: {requests: {storage: 1Gi}}}";
    let zones = |mode: &str| {
        let run = written_with(1, &format!("  duration: 10m\n{TWO_ZONES}"), &objects.replace("MODE", mode));
        let mut zones = run.zones("web");
        assert_eq!(zones.len(), 6);
        zones.sort();
        zones.dedup();
        zones.len()
    };
    assert_eq!(zones("ReadWriteOnce"), 1);
    // What many nodes may write to is no disk of one zone.
    assert_eq!(zones("ReadWriteMany"), 2);
}

/// The autoscaler knows that a node of another zone would not help.
#[test]
fn a_scale_up_is_of_the_group_in_the_volumes_zone() {
    let spec = "  duration: 1h\n  nodeGroups:\n    - {name: a, instanceType: m6i.xlarge, zones: [zone-a], minSize: 0, maxSize: 3}\n    \
        - {name: b, instanceType: m6i.xlarge, zones: [zone-b], minSize: 0, maxSize: 3}\n  autoscaling: {clusterAutoscaler: {}}\n";
    let objects = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {volumes: [{name: v, persistentVolumeClaim: {claimName: data}}], containers: [{name: c, image: i, resources: {requests: {cpu: 100m}}}]}\n---\n\
        apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec: {accessModes: [ReadWriteOnce], volumeName: pv, resources: {requests: {storage: 1Gi}}}\n---\n\
        apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: pv, labels: {topology.kubernetes.io/zone: zone-b}}\nspec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce]}";
    for seed in 1..4 {
        let run = written_with(seed, spec, objects);
        assert_eq!(run.zones("p"), ["zone-b"]);
        assert_eq!(run.run.outcome.nodes.len(), 1);
    }
}

/// A node boots from a disk, whose size counts: 20Gi where nobody says otherwise, less what the kubelet keeps.
#[test]
fn ephemeral_storage_fits_the_root_disk() {
    let asks = |storage: &str, node: &str| {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec: {{containers: [{{name: c, image: i, resources: {{requests: {{cpu: 250m, ephemeral-storage: {storage}}}}}}}]}}"
        );
        let run = written_with(1, &format!("  duration: 10m\n  nodes: [{{name: n, {node}}}]\n"), &pod);
        run.pods("p")[0].scheduled.is_some()
    };
    assert!(asks("1Gi", "instanceType: m6i.xlarge"));
    assert!(asks("17Gi", "instanceType: m6i.xlarge") && !asks("18Gi", "instanceType: m6i.xlarge"));
    assert!(asks("80Gi", "instanceType: m6i.xlarge, capacity: {ephemeral-storage: 100Gi}"));
    assert!(asks("1Gi", "capacity: {cpu: 4, memory: 16Gi}"));
}

#[test]
fn a_claim_of_devices_waits_for_a_driver_and_calls_no_nodes() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {resourceClaims: [{name: gpu, resourceClaimTemplateName: one-gpu}], \
        containers: [{name: c, image: i, resources: {requests: {cpu: \"1\"}, claims: [{name: gpu}]}}]}";
    let spec = "  duration: 1h\n  nodeGroups: [{name: g, instanceType: m6i.xlarge, minSize: 1, maxSize: 3}]\n  autoscaling: {clusterAutoscaler: {}}\n";
    let run = written_with(1, spec, pod);
    assert_eq!(run.pods("p")[0].scheduled, None);
    assert_eq!(run.run.outcome.nodes.len(), 1);
    assert!(run.warnings.iter().any(|warning| warning.contains("resourceClaims")), "{:?}", run.warnings);
}
