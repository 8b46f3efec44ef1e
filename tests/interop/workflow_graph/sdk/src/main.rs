// The standalone worker of the crate: its binary cannot be built from here, so this is
// what its main does, with the configuration that it reads.
use workflow_graph_worker_sdk::{Worker, WorkerConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let labels = std::env::var("WORKER_LABELS").unwrap_or_default();
    let worker = Worker::new(WorkerConfig {
        server_url: std::env::var("SERVER_URL")?,
        labels: labels.split(',').filter(|l| !l.is_empty()).map(String::from).collect(),
        ..Default::default()
    });
    worker.run().await
}
