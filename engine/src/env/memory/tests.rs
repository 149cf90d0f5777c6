use super::*;

const ROOT: &str = "";

fn synced_file(env: &MemoryEnv, path: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = env.open(Path::new(path), OpenMode::Create).unwrap();
    file.write_all_at(0, bytes).unwrap();
    file.sync_data().unwrap();
    env.sync_dir(Path::new(ROOT)).unwrap();
    file
}

fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
    result.map(|_| ()).unwrap_err().kind()
}

#[test]
fn files_behave_as_on_the_real_machine() {
    let directory = tempfile::tempdir().unwrap();
    let memory = MemoryEnv::new();
    memory.create_dir(directory.path()).unwrap();
    let simulated = MemoryEnv::simulated(1);
    simulated.create_dir(directory.path()).unwrap();
    for env in [&OsEnv as &dyn Env, &memory, &simulated] {
        let at = |name: &str| directory.path().join(name);
        env.create_dir(&at("a/b")).unwrap();
        env.create_dir(&at("a/b")).unwrap();
        assert_eq!(kind(env.open(&at("x"), OpenMode::Write)), io::ErrorKind::NotFound);
        assert_eq!(kind(env.open(&at("none/x"), OpenMode::Create)), io::ErrorKind::NotFound);
        let file = env.open(&at("x"), OpenMode::CreateNew).unwrap();
        assert_eq!(kind(env.open(&at("x"), OpenMode::CreateNew)), io::ErrorKind::AlreadyExists);
        file.write_all_at(3, b"abc").unwrap();
        assert_eq!(&*file.bytes().unwrap(), b"\0\0\0abc");
        let mut buffer = [0; 3];
        env.open(&at("x"), OpenMode::Read).unwrap().read_exact_at(2, &mut buffer).unwrap();
        assert_eq!(&buffer, b"\0ab");
        assert_eq!(kind(file.read_exact_at(4, &mut buffer)), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(file.read_exact_at(100, &mut buffer)), io::ErrorKind::UnexpectedEof);
        file.set_size(5).unwrap();
        file.set_size(8).unwrap();
        assert_eq!(&*file.bytes().unwrap(), b"\0\0\0ab\0\0\0");
        assert!(env.open(&at("x"), OpenMode::Read).unwrap().write_all_at(0, b"no").is_err());
        env.rename(&at("x"), &at("a/y")).unwrap();
        assert_eq!(file.size_bytes().unwrap(), 8);
        assert_eq!(env.list(directory.path()).unwrap(), ["a"]);
        assert_eq!(env.list(&at("a")).unwrap(), ["b", "y"]);
        assert_eq!(kind(env.list(&at("c"))), io::ErrorKind::NotFound);
        assert_eq!(kind(env.rename(&at("x"), &at("z"))), io::ErrorKind::NotFound);
        assert!(env.exists(&at("a/y")).unwrap() && !env.exists(&at("x")).unwrap());
        env.sync_dir(&at("a")).unwrap();
        env.remove(&at("a/y")).unwrap();
        assert_eq!(kind(env.remove(&at("a/y"))), io::ErrorKind::NotFound);
        let lock = env.lock(&at("lock")).unwrap();
        assert_eq!(kind(env.lock(&at("lock"))), io::ErrorKind::WouldBlock);
        drop(lock);
        env.lock(&at("lock")).unwrap();
    }
}

#[test]
fn a_crash_takes_unsynced_writes_and_nothing_synced() {
    for policy in CrashPolicy::ALL {
        let env = MemoryEnv::simulated(7);
        let file = synced_file(&env, "f", &[1; 2000]);
        file.write_all_at(1000, &[2; 2000]).unwrap();
        let after = env.crash(policy).read_file("f").unwrap();
        assert_eq!(after[..1000], [1; 1000]);
        match policy {
            CrashPolicy::KeepNone => assert_eq!(after, [1; 2000]),
            CrashPolicy::KeepAll => assert_eq!(after[1000..], [2; 2000]),
            CrashPolicy::Random => assert!(after.len() == 2000 || after[1000..] == [2; 2000]),
            CrashPolicy::Torn => {}
        }
    }
}

#[test]
fn a_torn_write_is_torn_at_sectors_and_loses_earlier_ones_too() {
    let mut later_without_earlier = false;
    for seed in 0..50 {
        let env = MemoryEnv::simulated(seed);
        let file = synced_file(&env, "f", &[1; 4096]);
        file.write_all_at(100, &[2; 3000]).unwrap();
        let after = env.crash(CrashPolicy::Torn).read_file("f").unwrap();
        assert!(after[..100].iter().chain(&after[3100..]).all(|byte| *byte == 1));
        let sectors: Vec<&[u8]> = std::iter::once(&after[100..512]).chain(after[512..3072].chunks(512)).collect();
        assert!(sectors.iter().all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        later_without_earlier |= sectors[0][0] == 1 && sectors[1][0] == 2;
    }
    assert!(later_without_earlier);
}

#[test]
fn names_are_durable_only_after_their_directory_is_synced() {
    let env = MemoryEnv::simulated(1);
    synced_file(&env, "old", b"old");
    let file = env.open(Path::new("new"), OpenMode::CreateNew).unwrap();
    file.write_all_at(0, b"new").unwrap();
    file.sync_data().unwrap();
    env.remove(Path::new("old")).unwrap();
    let env = env.crash(CrashPolicy::KeepNone);
    assert_eq!(env.file_names(), [PathBuf::from("old")]);
    assert_eq!(env.read_file("old").unwrap(), b"old");

    env.create_dir(Path::new("d")).unwrap();
    env.open(Path::new("d/f"), OpenMode::Create).unwrap();
    env.sync_dir(Path::new("d")).unwrap();
    assert_eq!(env.crash(CrashPolicy::KeepNone).file_names(), [PathBuf::from("old")], "d itself was not synced");
}

#[test]
fn a_rename_is_atomic() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..100 {
        let env = MemoryEnv::simulated(seed);
        synced_file(&env, "current", b"1");
        synced_file(&env, "next", b"2");
        env.rename(Path::new("next"), Path::new("other")).unwrap();
        env.rename(Path::new("other"), Path::new("current")).unwrap();
        let after = env.crash(CrashPolicy::Random);
        let files = after.file_names().into_iter().map(|name| (name.clone(), after.read_file(name).unwrap()));
        outcomes.insert(files.collect::<Vec<_>>());
    }
    let file = |name: &str, bytes: &[u8]| (PathBuf::from(name), bytes.to_vec());
    let expected = [
        vec![file("current", b"1"), file("next", b"2")],
        vec![file("current", b"1"), file("other", b"2")],
        vec![file("current", b"2")],
    ];
    assert_eq!(outcomes, expected.into_iter().collect());
}

#[test]
fn dropping_a_file_or_syncing_another_saves_nothing() {
    let env = MemoryEnv::simulated(3);
    let file = synced_file(&env, "f", b"one");
    file.write_all_at(0, b"two").unwrap();
    drop(file);
    synced_file(&env, "g", b"other");
    assert_eq!(env.crash(CrashPolicy::KeepNone).read_file("f").unwrap(), b"one");
}

#[test]
fn the_dead_disk_refuses_everything_and_the_new_one_has_no_locks() {
    let env = MemoryEnv::simulated(3);
    let file = synced_file(&env, "f", b"one");
    let _held = env.lock(Path::new("lock")).unwrap();
    env.sync_dir(Path::new(ROOT)).unwrap();
    let after = env.crash(CrashPolicy::KeepNone);
    assert!(env.is_dead() && !after.is_dead());
    assert!(file.write_all_at(0, b"x").is_err() && file.sync_data().is_err() && file.bytes().is_err());
    assert!(file.size_bytes().is_err() && env.list(Path::new(ROOT)).is_err() && env.exists(Path::new("f")).is_err());
    after.lock(Path::new("lock")).unwrap();
    assert_eq!(after.io_count(), 0);
}

#[test]
fn every_io_can_be_the_last() {
    let work = |env: &MemoryEnv| -> io::Result<()> {
        env.create_dir(Path::new("d"))?;
        env.sync_dir(Path::new(ROOT))?;
        let file = env.open(Path::new("d/tmp"), OpenMode::CreateNew)?;
        file.write_all_at(0, &[7; 600])?;
        file.set_size(700)?;
        file.sync_data()?;
        env.rename(Path::new("d/tmp"), Path::new("d/f"))?;
        env.sync_dir(Path::new("d"))?;
        env.remove(Path::new("d/f"))
    };
    let env = MemoryEnv::simulated(1);
    work(&env).unwrap();
    assert_eq!(env.io_count(), 9);
    for number in 1..=9 {
        for policy in CrashPolicy::ALL {
            let env = MemoryEnv::simulated(number);
            env.crash_at(number);
            assert!(work(&env).is_err());
            assert_eq!(env.io_count(), number);
            let after = env.crash(policy);
            if number >= 9 {
                assert_eq!(after.read_file("d/f").unwrap().len(), 700);
            }
            if policy == CrashPolicy::KeepNone && number <= 8 {
                assert_eq!(after.file_names(), [] as [PathBuf; 0]);
            }
        }
    }
}

#[test]
fn a_failed_sync_loses_or_keeps_pages_and_a_later_one_saves_nothing() {
    let (mut lost, mut kept) = (false, false);
    for seed in 0..20 {
        let env = MemoryEnv::simulated(seed);
        let file = synced_file(&env, "f", b"one");
        file.write_all_at(0, b"two").unwrap();
        env.fail_at(env.io_count() + 1, io::ErrorKind::Other, FailureSpan::Once);
        assert_eq!(kind(file.sync_data()), io::ErrorKind::Other);
        assert_eq!(env.read_file("f").unwrap(), b"two");
        file.sync_data().unwrap();
        match env.crash(CrashPolicy::KeepAll).read_file("f").unwrap().as_slice() {
            b"one" => lost = true,
            b"two" => kept = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(lost && kept);
}

#[test]
fn failures_come_once_or_for_ever() {
    let env = MemoryEnv::simulated(5);
    let file = synced_file(&env, "f", b"");
    env.fail_at(env.io_count() + 2, io::ErrorKind::StorageFull, FailureSpan::Once);
    file.write_all_at(0, b"a").unwrap();
    assert_eq!(kind(file.write_all_at(1, b"b")), io::ErrorKind::StorageFull);
    file.write_all_at(1, b"b").unwrap();
    env.fail_at(env.io_count() + 1, io::ErrorKind::StorageFull, FailureSpan::Forever);
    assert_eq!(kind(file.set_size(1)), io::ErrorKind::StorageFull);
    assert_eq!(kind(env.remove(Path::new("f"))), io::ErrorKind::StorageFull);
    env.clear_faults();
    env.fail_reads(Some(io::ErrorKind::Other));
    assert_eq!(kind(file.read_exact_at(0, &mut [0])), io::ErrorKind::Other);
    env.fail_reads(None);
    file.read_exact_at(0, &mut [0]).unwrap();
}

#[test]
fn the_same_seed_gives_the_same_disk() {
    let run = |seed| {
        let env = MemoryEnv::simulated(seed);
        for number in 0..20u8 {
            let file = env.open(Path::new(&format!("f{}", number % 3)), OpenMode::Create).unwrap();
            file.write_all_at(u64::from(number) * 300, &[number + 1; 1500]).unwrap();
        }
        let after = env.crash(CrashPolicy::Torn);
        let files = after.file_names().into_iter().map(|name| (name.clone(), after.read_file(name).unwrap()));
        (files.collect::<Vec<_>>(), after.random_u64())
    };
    assert_eq!(run(42), run(42));
    assert_ne!(run(42), run(43));
}

#[test]
fn files_at_rest_can_be_damaged() {
    let env = MemoryEnv::simulated(1);
    env.write_file("d/f", &[0; 4]);
    env.flip_bit("d/f", 9).unwrap();
    assert_eq!(kind(env.flip_bit("d/f", 32)), io::ErrorKind::UnexpectedEof);
    env.truncate("d/f", 3).unwrap();
    assert_eq!(kind(env.truncate("g", 3)), io::ErrorKind::NotFound);
    assert_eq!(env.crash(CrashPolicy::KeepNone).read_file("/d/f").unwrap(), [0, 2, 0]);
}

#[test]
fn the_simulated_clock_moves_only_when_told() {
    let env = MemoryEnv::simulated(1);
    let (now, monotonic) = (env.now(), env.monotonic());
    env.advance(Duration::from_secs(2));
    assert_eq!((env.now().since(now), env.monotonic() - monotonic), (Duration::from_secs(2), Duration::from_secs(2)));
    env.set_now(Timestamp::from_micros(5));
    let after = env.crash(CrashPolicy::KeepNone);
    assert_eq!((after.now(), after.monotonic()), (Timestamp::from_micros(5), env.monotonic()));
    assert!(MemoryEnv::new().now() > Timestamp::from_micros(0));
}

#[test]
fn a_mapped_file_keeps_its_bytes_while_the_file_changes() {
    let env = MemoryEnv::new();
    let file = synced_file(&env, "f", b"one");
    let before = file.bytes().unwrap();
    file.write_all_at(0, b"two").unwrap();
    assert_eq!((&*before, env.read_file("f").unwrap().as_slice()), (&b"one"[..], &b"two"[..]));
}
