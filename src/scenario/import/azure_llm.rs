//! Format `azure-llm`: requests to LLM services of Azure (`AzureLLMInferenceTrace` of 2023 and 2024), as published or
//! in the form of `data/azure-llm-2023`. A row is a request, and so it stays: no rates are made of it.

use super::requests::{Shape, Work, read_log};
use super::{ImportError, Inputs, Trace};

pub(super) fn read(inputs: Inputs<'_>) -> Result<Trace, ImportError> {
    let Some(source) = inputs.requests else { return Ok(Trace::default()) };
    let shape = Shape {
        time: &["TIMESTAMP", "time_s"],
        // Guesses for a 7B model on an L4: 0.05 ms of a GPU a token of the prompt, 4 ms a token of the answer with
        // sixteen answers at a time.
        work: &[
            Work { columns: &["ContextTokens", "context_tokens"], gpu_seconds: 0.000_05 },
            Work { columns: &["GeneratedTokens", "generated_tokens"], gpu_seconds: 0.004 },
        ],
        only: &[],
        concurrency: 16,
    };
    read_log(source, &shape, &inputs.options)
}

#[cfg(test)]
mod tests {
    use super::super::{Inputs, RequestTrace, Source, format};

    const CONVERSATION: &str = include_str!("../../../data/azure-llm-2023/conversation.csv");

    fn read(text: &str) -> Result<RequestTrace, String> {
        let mut reader = text.as_bytes();
        let requests = Some(Source { reader: &mut reader, file: "r.csv" });
        let trace = format("azure-llm").unwrap().read(Inputs { requests, ..Inputs::default() });
        trace.map(|trace| trace.requests.expect("a log")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_published_hour_is_requests_of_their_own_length() {
        let trace = read(CONVERSATION).unwrap();
        assert_eq!(trace.count, 19_366);
        assert_eq!(trace.time_column, "time_s");
        assert!((3_400.0..3_600.0).contains(&trace.span.as_secs_f64()), "{}", trace.span);
        assert!((0.5..2.0).contains(&trace.mean_gpu_seconds), "{}", trace.mean_gpu_seconds);
    }

    #[test]
    fn the_files_own_columns_are_taken_as_published() {
        let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
            2024-05-10 00:00:00.009930+00:00,2162,5\n2024-05-10 00:00:02.009930+00:00,100,50\n";
        let trace = read(text).unwrap();
        assert_eq!((trace.count, trace.time_column.as_str()), (2, "TIMESTAMP"));
        assert_eq!(trace.span.as_secs_f64(), 2.0);
        let columns: Vec<&str> = trace.size.keys().map(String::as_str).collect();
        assert_eq!(columns, ["ContextTokens", "GeneratedTokens"]);
    }

    #[test]
    fn a_bad_row_names_its_place() {
        let error = read("TIMESTAMP,ContextTokens,GeneratedTokens\n0,many,1\n").unwrap_err();
        assert!(error.contains("r.csv:2:3") && error.contains("ContextTokens"), "{error}");
    }
}
