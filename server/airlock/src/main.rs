//! Airlock's program: the command line, and the composition of everything below it.

mod config;
mod failure;
mod files;
mod guest_install;
mod project;
mod workbench;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().map(String::as_str) == Some("worker") {
        airlock_sandbox::worker::server::main().unwrap();
        return;
    }
    let cancelled = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let t = std::time::Instant::now();
    let variables = config::Variables::process();
    let cache = guest_install::Cache::open(&variables).unwrap();
    if args[0] == "install" {
        let how = guest_install::How { from: None, variables: &variables, avoid: None, cancelled: &|| false };
        let compile = |folder: &std::path::Path, _p: &mut dyn FnMut(guest_install::Progress)| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            struct None_; impl airlock_sandbox::vfs::Source for None_ {
                fn list(&self, _: u32, _: &str) -> Result<Vec<airlock_sandbox::vfs::SourceEntry>, airlock_sandbox::vfs::SourceError> { Err(airlock_sandbox::vfs::SourceError::NotFound) }
                fn read(&self, _: u32, _: &str) -> Result<std::sync::Arc<[u8]>, airlock_sandbox::vfs::SourceError> { Err(airlock_sandbox::vfs::SourceError::NotFound) }
            }
            let w = airlock_sandbox::worker::client::Worker::start(&workbench::launch().map_err(|e| e.to_string())?, std::sync::Arc::new(None_))?;
            w.compile(folder)?;
            Ok(())
        };
        let r = guest_install::install(&cache, &guest_install::GUESTS[0], &how, &mut |p| eprintln!("{:?} {p:?}", t.elapsed()), compile);
        eprintln!("{:?} {r:?}", t.elapsed());
        return;
    }
    let ask = workbench::Ask { cwd: std::env::current_dir().unwrap(), args: args[1..].to_vec(), ..Default::default() };
    let project = match workbench::Project::open(&ask) { Ok(p) => p, Err(e) => { eprintln!("{e}"); return } };
    eprintln!("{:?} project {:?} {:?}", t.elapsed(), project.found.root, project.notes);
    let guest = workbench::installed_guest(&cache, "python").unwrap();
    let bench = workbench::Bench::open(&cache, &guest, project.files.clone(), 2, false).unwrap();
    eprintln!("{:?} bench", t.elapsed());
    let suite = bench.suite(&project, project.found.pytest_args(), &cancelled).unwrap();
    let ready = match suite.collect(&[]) { Ok(r) => r, Err(e) => { eprintln!("{e}"); return } };
    eprintln!("{:?} collected {} from cache {}", t.elapsed(), ready.collected.items.len(), ready.from_cache);
    let ran = suite.run(&ready, &[], &Default::default(), &mut |p| if let airlock_sandbox::suite::Progress::Finished { test, .. } = p { if test.outcome != airlock_core::report::Outcome::Passed { eprintln!("{:?} {} {:?} {:?}", test.outcome, test.id, test.message, test.reason) } }).unwrap();
    let mut c = std::collections::BTreeMap::new();
    for t in &ran.report.tests { *c.entry(format!("{:?}", t.outcome)).or_insert(0) += 1; }
    eprintln!("{:?} {c:?} {:?} {:?} {:?}", t.elapsed(), ran.report.limits, ran.report.notes, ran.report.unreported);
}
