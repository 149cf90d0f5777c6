//! The directory tree in memory, and on a simulated disk which names a power cut cannot take.
//!
//! ```text
//!   current  = what `open` and `list` see
//!   durable  = what synced directories hold    pending = creations, renames, removals since, in order
//! ```
//!
//! A rename is atomic: after a crash the file has its old or its new name, never both or none.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::content::FileNode;
use super::pages::Pages;
use super::simulation::{CrashPolicy, Random};

type Tree = BTreeMap<PathBuf, Node>;

#[derive(Debug, Clone)]
enum Node {
    Directory,
    File(Arc<FileNode>),
}

#[derive(Debug)]
pub(super) struct Names {
    current: Tree,
    /// Absent on a disk that never crashes.
    history: Option<History>,
}

#[derive(Debug, Default)]
struct History {
    durable: Tree,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Create { path: PathBuf, node: Node },
    Rename { from: PathBuf, to: PathBuf, file: Arc<FileNode> },
    Remove { path: PathBuf, file: Arc<FileNode> },
}

/// Copies of files: one per file, however many names and changes speak of it.
#[derive(Default)]
struct Copies(BTreeMap<*const FileNode, Arc<FileNode>>);

impl Copies {
    fn file(&mut self, file: &Arc<FileNode>) -> Arc<FileNode> {
        self.0.entry(Arc::as_ptr(file)).or_insert_with(|| Arc::new(file.fork())).clone()
    }

    fn node(&mut self, node: &Node) -> Node {
        match node {
            Node::Directory => Node::Directory,
            Node::File(file) => Node::File(self.file(file)),
        }
    }

    fn tree(&mut self, tree: &Tree) -> Tree {
        tree.iter().map(|(path, node)| (path.clone(), self.node(node))).collect()
    }

    fn change(&mut self, change: &Change) -> Change {
        let mut copy = change.clone();
        match &mut copy {
            Change::Create { node, .. } => *node = self.node(node),
            Change::Rename { file, .. } | Change::Remove { file, .. } => *file = self.file(file),
        }
        copy
    }
}

/// The path without a leading slash, `.` and `..`: the root is the empty path.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    normal
}

impl Names {
    pub(super) fn empty(tracked: bool) -> Self {
        Names { current: Tree::new(), history: tracked.then(History::default) }
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<Arc<FileNode>> {
        match self.current.get(path) {
            Some(Node::File(file)) => Ok(Arc::clone(file)),
            Some(Node::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None if path == Path::new("") => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn exists(&self, path: &Path) -> bool {
        path == Path::new("") || self.current.contains_key(path)
    }

    pub(super) fn check_directory(&self, path: &Path) -> io::Result<()> {
        match self.current.get(path) {
            Some(Node::Directory) => Ok(()),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None if path == Path::new("") => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn check_parent(&self, path: &Path) -> io::Result<()> {
        self.check_directory(path.parent().unwrap_or(Path::new("")))
    }

    pub(super) fn check_rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.file(from)?;
        match self.file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.check_parent(to),
        }
    }

    pub(super) fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.check_directory(directory)?;
        let below = self.current.range(directory.to_path_buf()..).take_while(|(path, _)| path.starts_with(directory));
        let children = below.filter(|(path, _)| path.parent() == Some(directory));
        Ok(children.filter_map(|(path, _)| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    pub(super) fn file_names(&self) -> Vec<PathBuf> {
        let files = self.current.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, _)| path.clone()).collect()
    }

    /// The directories to create so that `path` is there, outermost first.
    pub(super) fn missing_directories(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut missing = Vec::new();
        for directory in path.ancestors() {
            match self.check_directory(directory) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(directory.to_path_buf()),
                Err(error) => return Err(error),
            }
        }
        missing.reverse();
        Ok(missing)
    }

    pub(super) fn create(&mut self, path: &Path) -> Arc<FileNode> {
        let file = Arc::new(FileNode::new(Pages::default(), self.history.is_some()));
        self.change(Change::Create { path: path.to_path_buf(), node: Node::File(Arc::clone(&file)) });
        file
    }

    pub(super) fn create_directory(&mut self, path: &Path) {
        self.change(Change::Create { path: path.to_path_buf(), node: Node::Directory });
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.file(from)?;
        self.change(Change::Rename { from: from.to_path_buf(), to: to.to_path_buf(), file });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let file = self.file(path)?;
        self.change(Change::Remove { path: path.to_path_buf(), file });
        Ok(())
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        if let Some(history) = &mut self.history {
            history.pending.push(change);
        }
    }

    /// Makes the changes of names inside one directory durable.
    pub(super) fn sync(&mut self, directory: &Path) {
        if let Some(History { durable, pending }) = &mut self.history {
            for change in pending.extract_if(.., |change| change.directory() == Some(directory)) {
                change.apply(durable);
            }
        }
    }

    pub(super) fn put_durable(&mut self, path: &Path, bytes: &[u8]) {
        let file = Node::File(Arc::new(FileNode::new(bytes.into(), self.history.is_some())));
        for tree in [Some(&mut self.current), self.history.as_mut().map(|history| &mut history.durable)] {
            let Some(tree) = tree else { continue };
            for directory in path.ancestors().skip(1).filter(|directory| *directory != Path::new("")) {
                tree.insert(directory.to_path_buf(), Node::Directory);
            }
            tree.insert(path.to_path_buf(), file.clone());
        }
        if let Some(history) = &mut self.history {
            history.pending.retain(|change| !change.creates_directory_above(path));
        }
    }

    /// The same names and files with the same history, on a disk of their own.
    pub(super) fn fork(&self) -> Names {
        let mut copies = Copies::default();
        let current = copies.tree(&self.current);
        let history = self.history.as_ref().map(|history| History {
            durable: copies.tree(&history.durable),
            pending: history.pending.iter().map(|change| copies.change(change)).collect(),
        });
        Names { current, history }
    }

    /// Whether every policy leaves the same after a power cut: nothing is pending, of no name and no file.
    pub(super) fn is_settled(&self) -> bool {
        let Some(history) = &self.history else { return true };
        let is_settled = |node: &Node| !matches!(node, Node::File(file) if !file.is_settled());
        history.pending.is_empty() && history.durable.values().all(is_settled)
    }

    /// The tree that a power cut leaves under `policy`, all of it durable.
    pub(super) fn after_crash(&self, policy: CrashPolicy, random: &mut Random) -> Names {
        let Some(history) = &self.history else {
            return Names::empty(true);
        };
        let mut left = history.durable.clone();
        for change in &history.pending {
            if policy.keeps(random) {
                change.apply(&mut left);
            }
        }
        let directories: BTreeSet<PathBuf> =
            left.iter().filter(|(_, node)| matches!(node, Node::Directory)).map(|(path, _)| path.clone()).collect();
        let reachable =
            |path: &Path| path.ancestors().skip(1).all(|above| above == Path::new("") || directories.contains(above));
        left.retain(|path, _| reachable(path));
        for node in left.values_mut() {
            if let Node::File(file) = node {
                *file = Arc::new(FileNode::new(file.after_crash(policy, random), true));
            }
        }
        Names { current: left.clone(), history: Some(History { durable: left, pending: Vec::new() }) }
    }
}

impl Change {
    /// The directory whose sync makes this change durable; a rename between two belongs to the new one.
    fn directory(&self) -> Option<&Path> {
        match self {
            Change::Create { path, .. } | Change::Remove { path, .. } => path.parent(),
            Change::Rename { to, .. } => to.parent(),
        }
    }

    fn creates_directory_above(&self, below: &Path) -> bool {
        matches!(self, Change::Create { path, node: Node::Directory } if below.starts_with(path))
    }

    /// Changes `tree`, which may lack the effect of earlier changes that a crash took.
    fn apply(&self, tree: &mut Tree) {
        match self {
            Change::Create { path, node } => {
                tree.insert(path.clone(), node.clone());
            }
            Change::Rename { from, to, file } => {
                if holds(tree, from, file) {
                    tree.remove(from);
                } else {
                    // An earlier rename of the same file was lost: the file still has one name only.
                    tree.retain(|_, node| !matches!(node, Node::File(other) if Arc::ptr_eq(other, file)));
                }
                tree.insert(to.clone(), Node::File(Arc::clone(file)));
            }
            Change::Remove { path, file } => {
                if holds(tree, path, file) {
                    tree.remove(path);
                }
            }
        }
    }
}

fn holds(tree: &Tree, path: &Path, file: &Arc<FileNode>) -> bool {
    matches!(tree.get(path), Some(Node::File(other)) if Arc::ptr_eq(other, file))
}
