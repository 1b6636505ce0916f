//! What the session layer of a web server costs a request whose access token is fresh, beside the same application without
//! it: in the process alone, and over a connection on loopback.

#[path = "../shared/web_app.rs"]
mod web_app;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use axum::Router;
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime;
use tower::ServiceExt as _;
use web_app::WebApp;

fn in_the_process(criterion: &mut Criterion) {
    let web = WebApp::new();
    let mut group = criterion.benchmark_group("http_layer");
    for (name, app) in [("floor", &web.plain), ("layer", &web.layered), ("layer_and_guard", &web.guarded)] {
        group.bench_function(name, |bencher| {
            bencher.to_async(&web.sessions.runtime).iter(async || {
                let answer = app.clone().oneshot(web.request()).await.expect("routers do not fail");
                assert!(answer.status().is_success());
                answer
            });
        });
    }
    group.finish();
}

fn over_a_connection(criterion: &mut Criterion) {
    let web = WebApp::new();
    let server = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("http_layer_loopback");
    for (name, app) in [("floor", &web.plain), ("layer_and_guard", &web.guarded)] {
        let mut connection = serve(&server, app.clone());
        let request = format!("GET / HTTP/1.1\r\nhost: app.example\r\ncookie: {}\r\n\r\n", web.cookie());
        group.bench_function(name, |bencher| bencher.iter(|| ask(&mut connection, request.as_bytes())));
    }
    group.finish();
}

/// Serves an application on a free port, and connects to it.
fn serve(server: &runtime::Runtime, app: Router) -> TcpStream {
    let listener = server.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let address = listener.local_addr().expect("an address");
    server.spawn(async move { axum::serve(listener, app).await });
    let connection = TcpStream::connect(address).expect("it listens");
    connection.set_nodelay(true).expect("a socket");
    connection
}

fn ask(connection: &mut TcpStream, request: &[u8]) {
    let mut answer = [0; 1024];
    connection.write_all(request).expect("it listens");
    let mut length = 0;
    while !answer[..length].ends_with(b"hello") {
        length += connection.read(&mut answer[length..]).expect("it answers");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

criterion_group!(benches, in_the_process, over_a_connection);
criterion_main!(benches);
