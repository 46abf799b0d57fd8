//! The list of system calls that a reading and writing process needs, as a seccomp filter. No
//! socket, no connection, no new program and no other process can be had with it.

use libc::c_long;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use super::Needs;
use super::linux::text;

/// Installs the filter for every thread; says how many calls are left. Any other call fails with
/// `EPERM`. Where `deadly`, a call that no library makes on its own ends the process instead: it can
/// only come from code that was injected. All others failing would do too, but then the next
/// version of the C library could kill a watch.
///
/// # Errors
/// The kernel or the machine has no such filters.
pub(super) fn allow(deadly: bool, needs: &Needs) -> Result<usize, String> {
    if deadly {
        let needed = calls(needs);
        let attacks: Vec<c_long> = ATTACKS.iter().copied().filter(|call| !needed.contains(call)).collect();
        install(&attacks, SeccompAction::KillProcess, SeccompAction::Allow)?;
    }
    let calls = calls(needs);
    let refused = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    install(&calls, SeccompAction::Allow, refused)?;
    Ok(calls.len())
}

fn install(calls: &[c_long], listed: SeccompAction, others: SeccompAction) -> Result<(), String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|_| "not for this machine".to_owned())?;
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, others, listed, arch).map_err(text)?;
    let program = BpfProgram::try_from(filter).map_err(text)?;
    seccompiler::apply_filter_all_threads(&program).map_err(text)
}

/// What a run with `needs` may call: never more than fifty.
fn calls(needs: &Needs) -> Vec<c_long> {
    let folders = !needs.folders.is_empty();
    let groups = [
        (true, EVER),
        (needs.live, LIVE),
        (needs.bundle, BUNDLE),
        (folders, FOLDERS),
        (needs.serves, SERVES),
        (needs.sends, SENDS),
    ];
    let mut calls: Vec<c_long> =
        groups.iter().filter(|(needed, _)| *needed).flat_map(|(_, calls)| *calls).copied().collect();
    calls.sort_unstable();
    calls.dedup();
    calls
}

/// Bytes, files, memory, threads, time and signals, the end. `restart_syscall` is what a wait becomes
/// when the process was stopped meanwhile; `ioctl` asks a terminal for its size. The time is a call where the
/// kernel does not keep it in memory for all to read, as with the clocks of some virtual machines.
const EVER: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_ppoll,
    libc::SYS_getcwd,
    libc::SYS_openat,
    libc::SYS_statx,
    libc::SYS_fsync,
    libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(not(target_arch = "x86_64"))]
    libc::SYS_unlinkat,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_clone3,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_sched_getaffinity,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// To wait for an open capture, to ask it for its counters and its faults, and to close it.
const LIVE: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    libc::SYS_clock_nanosleep,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
];

/// A directory that becomes a bundle, or is cleared away.
const BUNDLE: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    libc::SYS_getdents64,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(not(target_arch = "x86_64"))]
    libc::SYS_mkdirat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    libc::SYS_unlinkat,
];

/// Directories in which files come and go.
const FOLDERS: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    libc::SYS_getdents64,
    libc::SYS_newfstatat,
];

/// To answer on a socket that listens already.
const SERVES: &[c_long] = &[libc::SYS_accept4, libc::SYS_recvfrom, libc::SYS_sendto];

/// To write to the syslog daemon, and to find it again when it was started anew.
const SENDS: &[c_long] = &[libc::SYS_sendto, libc::SYS_connect];

/// Connections, other programs, other processes, other rights.
const ATTACKS: &[c_long] = &[
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_setuid,
    libc::SYS_setresuid,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_chroot,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_keyctl,
    libc::SYS_io_uring_setup,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_stays_short() {
        let folders = vec![std::path::PathBuf::from(".")];
        for needs in [
            Needs::default(),
            Needs { bundle: true, ..Needs::default() },
            Needs { live: true, folders: folders.clone(), ..Needs::default() },
            Needs { live: true, bundle: true, folders, serves: true, sends: true, ..Needs::default() },
        ] {
            let calls = calls(&needs);
            assert!(calls.len() <= 50, "{needs:?}: {}", calls.len());
            // Only to answer a connection, and to find the syslog daemon again.
            let asked =
                |call: &c_long| needs.serves && *call == libc::SYS_accept4 || needs.sends && *call == libc::SYS_connect;
            assert!(ATTACKS.iter().all(|call| !calls.contains(call) || asked(call)), "{needs:?}");
        }
    }
}
