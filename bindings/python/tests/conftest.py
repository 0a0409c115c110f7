import pytest

import support
import weighbridge


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("routers")


@pytest.fixture(scope="session")
def routers(folder):
    """Routers by name, the trained one last."""
    found = {policy: weighbridge.Router.load(support.compiled(folder, policy)) for policy in support.POLICIES}
    return {**found, "engineering": weighbridge.Router.load(support.LEARNED)}


@pytest.fixture(scope="session")
def files(folder, routers):
    """The files of `routers`, in their order."""
    return [*(support.compiled(folder, policy) for policy in support.POLICIES), support.LEARNED]
