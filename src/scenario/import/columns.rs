//! The columns of every trace format, for whoever lists them.

/// A column of an input table.
#[derive(Clone, Copy, Debug)]
pub struct InputColumn {
    pub name: &'static str,
    /// The table is refused without it.
    pub is_needed: bool,
    /// Unit and meaning.
    pub about: &'static str,
}

const fn needed(name: &'static str, about: &'static str) -> InputColumn {
    InputColumn { name, is_needed: true, about }
}

const fn optional(name: &'static str, about: &'static str) -> InputColumn {
    InputColumn { name, is_needed: false, about }
}

pub(super) const CSV_PODS: &[InputColumn] = &[
    needed("name", "of the pod; one of its own"),
    needed("arrival_s", "seconds from the start, a Unix time or a date"),
    needed("duration_s", "seconds that it runs once started, or `1h30m`; empty: to the end"),
    needed("cpu_milli", "request, thousandths of a core, or a quantity (`500m`)"),
    needed("memory_bytes", "request, bytes, or a quantity (`4Gi`)"),
    optional("gpus", "devices; default 0, or 1 with `gpu_milli`"),
    optional("gpu_milli", "thousandths of one device"),
    optional("gpu_model", "models it may run on, `|` between; empty: any"),
    optional("priority", "default 0"),
    optional("workload", "what it belongs to"),
];

pub(super) const CSV_NODES: &[InputColumn] = &[
    needed("name", "of the node; one of its own"),
    needed("cpu_milli", "capacity, thousandths of a core"),
    needed("memory_bytes", "capacity, bytes"),
    optional("gpus", "devices; default 0"),
    optional("gpu_model", "their model"),
    optional("count", "equal nodes that the row stands for; default 1"),
];

pub(super) const OPENB_PODS: &[InputColumn] = &[
    needed("name", "of the pod"),
    needed("cpu_milli", "request, thousandths of a core"),
    needed("memory_mib", "request, MiB"),
    needed("num_gpu", "devices"),
    needed("gpu_milli", "thousandths of one device; 1000 with several, 0 with none"),
    optional("gpu_spec", "models it may run on, `|` between; empty: any"),
    optional("qos", "LS, Guaranteed, Burstable or BE"),
    optional("pod_phase", "last known phase"),
    needed("creation_time", "seconds, a Unix time or a date: the arrival"),
    needed("deletion_time", "seconds; empty: it runs on"),
    needed("scheduled_time", "seconds; empty: it never got a node"),
];

pub(super) const OPENB_NODES: &[InputColumn] = &[
    needed("sn", "name of the node"),
    needed("cpu_milli", "capacity, thousandths of a core"),
    needed("memory_mib", "capacity, MiB"),
    needed("gpu", "devices"),
    needed("model", "their model; empty: not said"),
];

pub(super) const GAVEL_JOBS: &[InputColumn] = &[
    needed("job", "name of the job"),
    needed("arrival_s", "seconds from the start, a Unix time or a date"),
    needed("model", "a model with measured speeds"),
    needed("batch_size", "empty where the model has one setting"),
    needed("num_gpus", "workers, a GPU each"),
    needed("total_steps", "steps until it is complete"),
];

pub(super) const TIMED_JOBS: &[InputColumn] = &[
    optional("job", "name of the job; default: after its row, from job-0 on"),
    needed("arrival_s", "seconds from the start, a Unix time or a date"),
    needed("duration_s", "seconds that it runs once started"),
    needed("num_gpus", "GPUs of the job"),
    optional("queue", "its queue or team"),
    optional("virtual_cluster", "the same, as the Philly trace calls it"),
    optional("model", "default: empty"),
    optional("priority", "default 0"),
];

pub(super) const AZURE_LLM: &[InputColumn] = &[
    needed("TIMESTAMP", "when the request came: a date, a Unix time or seconds; also `time_s`"),
    needed("ContextTokens", "tokens of the prompt; also `context_tokens`"),
    needed("GeneratedTokens", "tokens of the answer; also `generated_tokens`"),
];

pub(super) const GENAI: &[InputColumn] = &[
    needed("gmt_create", "when the request came; also `time_s`"),
    needed("exec_time_seconds", "seconds of a GPU that it took; also `exec_seconds`"),
    optional("predict_status", "only those that are `SUCCEED` are taken; also `status`"),
];

pub(super) const DLRM: &[InputColumn] = &[
    needed("instance_sn", "name of the instance: a pod"),
    needed("role", "CN (on a CPU node) or HN (on a GPU node)"),
    needed("app_name", "its service; with the role its workload"),
    needed("cpu_request", "cores"),
    needed("gpu_request", "whole GPUs"),
    needed("memory_request", "GiB"),
    needed("creation_time", "seconds; empty: it was there at the start"),
    needed("scheduled_time", "seconds; empty: at its creation"),
    needed("deletion_time", "seconds; empty: it is there at the end"),
    optional("rdma_request", "percent of a card; not modelled"),
    optional("disk_request", "GiB; not modelled"),
    optional(
        "max_instance_per_node",
        "of the same service; -1: no limit; 1 is an anti-affinity, others are not modelled",
    ),
];

pub(super) const SPOT_NODES: &[InputColumn] = &[
    needed("node_name", "name of the node"),
    needed("gpu_model", "model of its GPUs"),
    needed("gpu_capacity_num", "GPUs"),
    needed("cpu_num", "vCPUs"),
];

pub(super) const SPOT_PODS: &[InputColumn] = &[
    needed("job_name", "name of the job"),
    needed("cpu_request", "cores of a worker"),
    needed("gpu_request", "GPUs of a worker, or a fraction of one"),
    needed("gpu_model", "model that it asks for; empty: any"),
    needed("worker_num", "workers, a pod each"),
    needed("submit_time", "seconds, a Unix time or a date"),
    needed("duration", "seconds that it runs once started"),
    needed("job_type", "HP (priority 1000) or Spot (priority 0)"),
    optional("organization", "what it belongs to"),
];

pub(super) const GAVEL_THROUGHPUTS: &[InputColumn] = &[
    needed("model", "as jobs name it"),
    needed("batch_size", "empty where the model has one setting"),
    needed("gpu", "GPU model"),
    needed("num_gpus", "workers"),
    needed("consolidated", "`true` where all are on one node, else `false`"),
    needed("steps_per_second", "0: does not run there"),
];

pub(super) const PAI_JOBS: &[InputColumn] = &[
    needed("worker", "number of the worker"),
    needed("gpu_percent", "of one GPU that it asked for; it gets a whole one"),
    needed("time", "of the job's clock, ascending; taken as seconds"),
    needed("batch_time_norm", "time of its mini-batch, in any unit"),
];

pub(super) const POLLUX_JOBS: &[InputColumn] = &[
    needed("job", "name of the job"),
    needed("arrival_s", "seconds from the start, ascending"),
    needed("model", "a measured model; the job runs it to its last epoch"),
    needed("num_gpus", "workers, a GPU each"),
    needed("batch_size", "samples of a step, over all GPUs"),
];

pub(super) const POLLUX_THROUGHPUTS: &[InputColumn] = &[
    needed("model", "as jobs name it"),
    needed("placement", "GPUs on each node, such as `4-2`; empty where only the counts are known"),
    needed("nodes", "how many nodes"),
    needed("gpus", "how many GPUs"),
    needed("batch_per_gpu", "samples of a GPU in a step"),
    needed("step_seconds", "of a step, all GPUs together"),
    needed("sync_seconds", "the part of it in which gradients are exchanged"),
];

pub(super) const POLLUX_CONVERGENCE: &[InputColumn] = &[
    needed("model", "a model of the measured step times"),
    needed("batch_size", "samples of a step, over all GPUs; the smallest is that in which work is counted"),
    needed("epoch", "from 1, ascending for each batch size"),
    needed("iteration", "steps done by its end"),
    needed("progress", "steps at the smallest batch size that get as far"),
    needed("grad_sqr", "signal of the gradients in it"),
    needed("grad_var", "noise of the gradients in it"),
];

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::{FORMATS, Format, Inputs, Source};

    /// The error of a format whose `input` has just these columns and no row; the other inputs are whole.
    fn read(format: &Format, input: &str, without: Option<&str>) -> Result<(), String> {
        let header = |table: &str| -> String {
            let columns =
                format.columns.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, columns)| *columns);
            let kept = columns.iter().map(|column| column.name).filter(|name| table != input || Some(*name) != without);
            let header = kept.collect::<Vec<_>>().join(",") + "\n";
            // What was measured is read before the jobs that have it.
            header
                + match (format.name, table) {
                    _ if table == input => "",
                    ("gavel", "throughputs") => "LM,20,V100,1,true,64.7\n",
                    ("pollux", "throughputs") => "bert,1,1,1,4,0.5,0.1\n",
                    ("pollux", "convergence") => "bert,12,1,1,1,1,1\n",
                    _ => "",
                }
        };
        let is_given = |table: &str| table == input || format.inputs.contains(&(table, true));
        let mut tables: Vec<(&str, Cursor<String>)> = format
            .columns
            .iter()
            .filter(|(table, _)| is_given(table))
            .map(|(table, _)| (*table, Cursor::new(header(table))))
            .collect();
        let mut inputs = Inputs::default();
        for (table, reader) in &mut tables {
            inputs.give(table, Source { reader, file: "table.csv" });
        }
        format.read(inputs).map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_table_with_the_listed_columns_is_read_and_every_needed_one_is_missed() {
        for format in FORMATS {
            for (input, columns) in format.columns {
                for column in *columns {
                    let told = read(format, input, Some(column.name)).err().unwrap_or_default();
                    let missed = told.contains(column.name) && told.contains("column");
                    assert_eq!(missed, column.is_needed, "{} {input} {}: {told}", format.name, column.name);
                }
            }
        }
    }
}
