//! The parts of a transaction one by one, to see where time goes.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use marquetry::kv::{Direction, Durability, Isolation, KeyRange, Keyspace, Reader, Transaction};
use marquetry_benches::store::MarquetryStore;
use marquetry_benches::{Data, Random, scratch_directory};

const DATA: Data = Data { count: 100_000, value_size_bytes: 100 };

fn begin(keyspace: &Arc<Keyspace>) -> Transaction {
    keyspace.begin(Isolation::Serializable).expect("the keyspace is open")
}

fn parts(criterion: &mut Criterion) {
    let directory = scratch_directory().expect("a directory");
    let store = MarquetryStore::open(directory.path(), 1 << 30).expect("a store");
    store.load(&DATA).expect("loaded");
    let keyspace = store.keyspace();
    let mut random = Random::new(1);
    let mut key = move || Data::key(random.below(DATA.count)).to_vec();
    let mut group = criterion.benchmark_group("transaction");
    group.bench_function("snapshot", |bencher| bencher.iter(|| black_box(keyspace.snapshot())));
    group.bench_function("begin", |bencher| bencher.iter(|| black_box(begin(keyspace))));
    let snapshot = keyspace.snapshot().expect("open");
    group.bench_function("get in a snapshot", |bencher| bencher.iter(|| black_box(snapshot.get(&key()))));
    group.bench_function("10 gets", |bencher| {
        bencher.iter(|| {
            let transaction = begin(keyspace);
            for _ in 0..10 {
                black_box(transaction.get(&key())).expect("read");
            }
        });
    });
    group.bench_function("10 puts, not committed", |bencher| {
        bencher.iter(|| {
            let transaction = begin(keyspace);
            for _ in 0..10 {
                transaction.put(key(), vec![7; 100]).expect("written");
            }
        });
    });
    group.bench_function("scan of 1", |bencher| {
        let range = |key: Vec<u8>| KeyRange::new(key, None::<Vec<u8>>);
        bencher.iter(|| black_box(snapshot.scan(range(key()), Direction::Forward).expect("a scan").next()));
    });
    group.bench_function("scan of 1 among 1000 own writes", |bencher| {
        let transaction = begin(keyspace);
        for number in 0..1_000 {
            transaction.put(Data::key(number).to_vec(), vec![7; 100]).expect("written");
        }
        let range = |key: Vec<u8>| KeyRange::new(key, None::<Vec<u8>>);
        bencher.iter(|| black_box(transaction.scan(range(key()), Direction::Forward).expect("a scan").next()));
    });
    group.bench_function("10 gets, 10 puts, commit", |bencher| {
        bencher.iter_batched(
            || (0..10).map(|_| key()).collect::<Vec<_>>(),
            |keys| {
                let transaction = begin(keyspace);
                for key in keys {
                    black_box(transaction.get(&key)).expect("read");
                    transaction.put(key, vec![7; 100]).expect("written");
                }
                transaction.commit(Durability::Buffered).expect("committed")
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_millis(1_000))
}

criterion_group!(name = benches; config = quick(); targets = parts);
criterion_main!(benches);
