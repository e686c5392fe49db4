//! Format `genai`: requests for images of GenTD26 (Alibaba's `cluster-trace-v2026-GenAI`), as published or in the form of
//! `data/genai-requests-2026`. Each takes a GPU for the time that was measured; those that did not succeed have none that
//! means anything, and are left out.

use super::requests::{Shape, Work, read_log};
use super::{ImportError, Inputs, Trace};

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let Some(source) = inputs.requests else { return Ok(Trace::default()) };
    let shape = Shape {
        time: &["gmt_create", "time_s"],
        work: &[Work { columns: &["exec_time_seconds", "exec_seconds"], gpu_seconds: 1.0 }],
        only: &[(&["predict_status", "status"], "SUCCEED")],
        concurrency: 1,
    };
    read_log(source, &shape, &inputs.options)
}

#[cfg(test)]
mod tests {
    use super::super::{Inputs, RequestTrace, Source, format};

    fn read(text: &str) -> Result<(RequestTrace, Vec<String>), String> {
        let mut reader = text.as_bytes();
        let requests = Some(Source { reader: &mut reader, file: "r.csv" });
        let trace = format("genai").unwrap().read(Inputs { requests, ..Inputs::default() });
        trace.map(|trace| (trace.requests.expect("a log"), trace.notes.0)).map_err(|error| error.to_string())
    }

    #[test]
    fn requests_take_what_was_measured_and_only_those_that_succeeded_count() {
        let text = "gmt_create,predict_type,predict_status,exec_time_seconds\n\
            2024-11-15 16:57:50,TXT_2_IMG,SUCCEED,32.0\n2024-11-15 16:58:50,TXT_2_IMG,FAILED,\n\
            2024-11-15 16:57:40,IMG_2_IMG,SUCCEED,8.0\n";
        let (trace, notes) = read(text).unwrap();
        assert_eq!((trace.count, trace.mean_gpu_seconds), (2, 20.0));
        assert_eq!(trace.only["predict_status"], ["SUCCEED"]);
        let told = notes.join("; ");
        assert!(told.contains("1 of 3 requests") && told.contains("not in order"), "{told}");
    }

    #[test]
    fn a_log_without_a_request_that_succeeded_is_an_error() {
        let error = read("time_s,status,exec_seconds\n1,FAILED,2\n").unwrap_err();
        assert!(error.contains("none of the 1 rows"), "{error}");
        assert!(read("time_s,status,exec_seconds\n1,SUCCEED,fast\n").unwrap_err().contains("r.csv:2:11"));
    }
}
