//! The worker's place among the system's processes: low priority, gone with its parent, and behind a second wall.
//!
//! The first wall is WebAssembly and our own file system: no guest holds anything of the host's. The second is for a hole
//! in the first: once its guest is open, the worker gives up what its runs do not need. On Linux these are all files but
//! the guest's folder (read) and the images' (Landlock, kernel 5.13 and newer), and network, other programs and other
//! processes (seccomp). Elsewhere, and where the kernel has no Landlock, there is one wall, and the server is told so.

use std::path::Path;

/// Gives way to everything else on the machine: an editor must not lag because a search runs.
pub fn lower_priority() {
    #[cfg(unix)]
    // Best effort: a container may forbid it, and then the worker competes like any other process.
    let _ = rustix::process::nice(10);
}

/// Asks the system to end this process when its parent ends. Elsewhere the end of standard input does it.
pub fn die_with_parent() {
    #[cfg(target_os = "linux")]
    {
        let asked = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        // The parent may have died before the request took hold: then the pipe's end ends the worker.
        let _ = asked;
    }
}

/// Gives up what runs do not need, for this thread and those it starts from now on. What could not be given up is said in
/// plain words.
pub fn confine(guest: &Path, images: Option<&Path>) -> Vec<String> {
    #[cfg(target_os = "linux")]
    let notes = linux::confine(guest, images);
    #[cfg(not(target_os = "linux"))]
    let notes = {
        let _ = (guest, images);
        vec!["this system has no second wall around the sandbox's worker: the first one stands alone".to_owned()]
    };
    notes
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::path::Path;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
        RulesetCreatedAttr, RulesetStatus, Scope,
    };
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    /// The newest version of Landlock asked for; older kernels give what they have.
    const NEWEST: ABI = ABI::V6;

    pub fn confine(guest: &Path, images: Option<&Path>) -> Vec<String> {
        let mut notes = Vec::new();
        match files(guest, images) {
            Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {}
            Ok(RulesetStatus::NotEnforced) => notes.push(
                "this kernel has no Landlock: the sandbox's worker is not kept from the user's files a second time"
                    .to_owned(),
            ),
            Err(error) => notes.push(format!("the sandbox's worker cannot give up its rights to files: {error}")),
        }
        if let Err(error) = calls() {
            notes.push(format!("the sandbox's worker cannot give up network and programs: {error}"));
        }
        notes
    }

    fn files(guest: &Path, images: Option<&Path>) -> Result<RulesetStatus, Box<dyn std::error::Error>> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(AccessNet::from_all(NEWEST))?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rule(PathBeneath::new(PathFd::new(guest)?, read))?;
        if let Some(images) = images {
            // A rule needs a folder that is there. One that cannot be made cannot be written either.
            let mut folder = std::fs::DirBuilder::new();
            std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
            if folder.recursive(true).create(images).is_ok() {
                let all = AccessFs::from_all(NEWEST) & !(AccessFs::Execute | AccessFs::MakeSock | AccessFs::MakeFifo);
                ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(images)?, all))?;
            }
        }
        Ok(ruleset.restrict_self()?.ruleset)
    }

    /// Calls that no run of the worker makes and every way out of it needs. They fail with `EPERM`.
    fn calls() -> Result<(), Box<dyn std::error::Error>> {
        let denied = [
            libc::SYS_socket,
            libc::SYS_socketpair,
            libc::SYS_connect,
            libc::SYS_bind,
            libc::SYS_listen,
            libc::SYS_accept4,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_open,
            libc::SYS_pidfd_getfd,
            libc::SYS_pidfd_send_signal,
            libc::SYS_kill,
            libc::SYS_tkill,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_rt_tgsigqueueinfo,
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_move_mount,
            libc::SYS_open_tree,
            libc::SYS_fsopen,
            libc::SYS_pivot_root,
            libc::SYS_chroot,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            libc::SYS_io_uring_register,
            libc::SYS_keyctl,
            libc::SYS_add_key,
            libc::SYS_request_key,
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_kexec_load,
            libc::SYS_open_by_handle_at,
            libc::SYS_personality,
        ];
        let rules: BTreeMap<_, _> = denied.into_iter().map(|call| (call, Vec::new())).collect();
        let denied = SeccompAction::Errno(libc::EPERM.cast_unsigned());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into()?)?;
        let program: BpfProgram = filter.try_into()?;
        // Every thread of the process: the one that looks at deadlines may run already.
        seccompiler::apply_filter_all_threads(&program)?;
        Ok(())
    }
}
