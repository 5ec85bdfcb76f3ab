"""OpenID Connect as the console needs it: what a provider publishes, and which of its tokens are accepted.

:mod:`~provisioner.oidc.metadata`
    The metadata of a provider.
:mod:`~provisioner.oidc.documents`
    Requests to the provider, and their answers.
:mod:`~provisioner.oidc.keys`
    The keys with which the provider signs.
:mod:`~provisioner.oidc.tokens`
    The checks of ID tokens and logout tokens.
:mod:`~provisioner.oidc.client`
    The parts joined: addresses to send a browser to, and identities in exchange for codes.
"""
