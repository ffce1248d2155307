from fastapi import FastAPI, Request, HTTPException
from vocafuse import Client, AccessToken, RequestValidator
import os

app = FastAPI()

client = Client(
    api_key=os.environ['VOCAFUSE_API_KEY'],
    api_secret=os.environ['VOCAFUSE_API_SECRET']
)

@app.post('/api/vocafuse-token')
async def generate_token(request: Request):
    user_id = get_current_user(request)

    token = AccessToken(
        api_key=os.environ['VOCAFUSE_API_KEY'],
        api_secret=os.environ['VOCAFUSE_API_SECRET'],
        identity=str(user_id)
    )

    return token(expires_in=3600)

@app.post('/api/webhooks/vocafuse')
async def handle_webhook(request: Request):
    validator = RequestValidator(os.environ['VOCAFUSE_WEBHOOK_SECRET'])

    payload = await request.body()
    signature = request.headers.get('X-VocaFuse-Signature')

    if not validator.validate(payload.decode(), signature):
        raise HTTPException(status_code=401, detail='Invalid signature')

    data = await request.json()
    # Process webhook...

    return {'status': 'received'}
